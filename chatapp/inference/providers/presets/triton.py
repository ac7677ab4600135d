"""Triton Inference Server's OpenAI front end: `http://HOST:9000/v1`.

github.com/triton-inference-server/server, python/openai: the fields of a request are handed to the backend, and what
TensorRT-LLM's does not know (top_k, min_p, logit_bias) would be lost there without a word. That backend counts no
tokens, so the last event may lack them. GET /health/ready says whether the models are loaded.
"""

from chatapp.inference.providers.presets.preset import COMMON, Preset, beside_v1

PRESET = Preset(name="triton", sampling=COMMON, probe_url=beside_v1("/health/ready"))
