"""Vertex AI: `https://REGION-aiplatform.googleapis.com/v1/projects/PROJECT/locations/REGION/endpoints/openapi`.

cloud.google.com/vertex-ai/generative-ai/docs/migrate/openai/overview: models are named `google/gemini-…`; tokens of
Google Cloud live an hour, so they come from a file that something renews; what is not listed there as supported
(logit_bias, user, store) is ignored, and so is not sent. There is no list of models at this address to probe.
"""

from chatapp.inference.providers.presets.preset import COMMON, Preset

PRESET = Preset(name="vertex", sampling=(*COMMON, "json_schema"))
