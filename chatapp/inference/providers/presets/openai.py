"""OpenAI: `https://api.openai.com/v1`.

platform.openai.com/docs/api-reference/chat/create: `max_tokens` is deprecated and refused by reasoning models, at
most four stop strings, `store` keeps answers for the account's own evaluations, `safety_identifier` is a hash.
"""

from chatapp.inference.providers.presets.preset import OPENAI, Preset, models_list

PRESET = Preset(
    name="openai",
    sampling=OPENAI,
    max_tokens_field="max_completion_tokens",
    # The default depends on the account; ours does not.
    fixed_fields={"store": False},
    user_field="safety_identifier",
    probe_url=models_list,
)
