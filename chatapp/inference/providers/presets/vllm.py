"""vLLM: `http://HOST:8000/v1`.

docs.vllm.ai, "OpenAI-Compatible Server": top_k, min_p and ignore_eos are taken beside OpenAI's parameters; the API
key guards /v1 only, so the server belongs on a private network; /health needs no key.
"""

from chatapp.inference.providers.presets.preset import LOCAL, Preset, beside_v1

PRESET = Preset(name="vllm", sampling=LOCAL, max_stops=8, probe_url=beside_v1("/health"))
