"""Amazon Bedrock: `https://bedrock-runtime.REGION.amazonaws.com/openai/v1`, with a Bedrock API key as bearer token.

docs.aws.amazon.com/bedrock/latest/userguide/inference-chat-completions.html: only the creation of chat completions is
offered, so there is nothing to probe; which further parameters are taken depends on the model. Bedrock keeps neither
prompts nor answers unless the account logs its own calls.
"""

from chatapp.inference.providers.presets.preset import Preset

PRESET = Preset(name="bedrock", sampling=("temperature", "top_p"), max_tokens_field="max_completion_tokens")
