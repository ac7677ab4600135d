"""llama.cpp's llama-server: `http://HOST:8080/v1`.

github.com/ggml-org/llama.cpp, tools/server/README.md: llama.cpp's own sampling parameters and grammars are taken beside
OpenAI's;
GET /health is 503 while the model loads and needs no key.
"""

from chatapp.inference.providers.presets.preset import LOCAL, Preset, beside_v1

PRESET = Preset(name="llama_server", sampling=(*LOCAL, "grammar"), max_stops=8, probe_url=beside_v1("/health"))
