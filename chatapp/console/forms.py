"""The form that registers a version. Limits are the service's own; a field only says what kind of thing it holds."""

import json
from typing import Any

from django import forms
from django.http import QueryDict

from chatapp.errors import ChatappError
from chatapp.inference.catalog import ARTIFACTS
from chatapp.inference.models import Provider
from chatapp.inference.providers.presets import PRESETS

ENDPOINT_ROWS = 4
_LABELS = {
    "openai": "OpenAI",
    "azure": "Azure OpenAI",
    "vertex": "Google Vertex AI",
    "bedrock": "Amazon Bedrock",
    "sagemaker": "Amazon SageMaker",
    "vllm": "vLLM",
    "llama_server": "llama-server",
    "triton": "NVIDIA Triton",
}
# Their services have the names of presets that write.
_MODERATION_PREFIX = "moderation-"
_MODERATION = {
    f"{_MODERATION_PREFIX}openai": "OpenAI's moderation, for checks of policies",
    f"{_MODERATION_PREFIX}azure": "Azure AI Content Safety, for checks of policies",
}
_NO_OBJECT = "This is not a JSON object."
_OBJECT = forms.Textarea(attrs={"rows": 2, "spellcheck": "false", "class": "input code-input"})


class ObjectField(forms.CharField):
    """A JSON object that PostgreSQL can store; empty text is an empty object."""

    widget = _OBJECT

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, **options)

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        try:
            found = json.loads(text) if text else {}
            stored = json.dumps(found, ensure_ascii=False, allow_nan=False)
            stored.encode()
        except (RecursionError, ValueError):
            raise forms.ValidationError(_NO_OBJECT) from None
        if not isinstance(found, dict) or "\\u0000" in stored:
            raise forms.ValidationError(_NO_OBJECT)
        return found


class VersionForm(forms.Form):
    """What every version has. `arguments` are those of `register_version`."""

    name = forms.CharField(help_text="Letters, digits, dots, hyphens. Callers of the API name it as their model.")
    description = forms.CharField(required=False)
    context_tokens = forms.IntegerField(initial=8192, help_text="Tokens of question, documents and answer together.")
    licence = forms.CharField(required=False, help_text="Of the model, such as Apache-2.0.")
    system_prompt = forms.CharField(
        required=False, widget=forms.Textarea(attrs={"rows": 3}), help_text="Empty: the standard one."
    )
    sampling = ObjectField(help_text='As JSON, such as {"temperature": 0.2}. Empty: the standard.')

    def __init__(self, data: QueryDict | None = None) -> None:
        super().__init__(data)
        for field in self.fields.values():
            if not isinstance(field, forms.BooleanField):
                field.widget.attrs.setdefault("class", "input")
            field.widget.attrs["autocomplete"] = "off"

    def arguments(self) -> dict[str, Any]:
        return dict(self.cleaned_data)

    def refuse(self, error: ChatappError) -> None:
        """Puts the service's sentence at the field that it names."""
        detail = str(error.params.get("detail", ""))
        words = detail.replace("_", " ")
        sentence = words[:1].upper() + words[1:] if detail else error.message
        self.add_error("name" if error.code == "exists" else self._field_in(detail), sentence)

    def _field_in(self, detail: str) -> str | None:
        named = [name for name in self.fields if name in detail.lower()]
        return max(named, key=lambda name: (detail.startswith(name), len(name)), default=None)


class OwnVersionForm(VersionForm):
    weights = forms.ChoiceField(
        required=False,
        choices=[("", "Another file, by its sha256"), *((one.sha256, one.name) for one in ARTIFACTS.values())],
        help_text="They are fetched in the background, if they are not here.",
    )
    sha256 = forms.CharField(
        required=False, label="sha256", help_text="Of another GGUF, which lies as SHA256.gguf in CHATAPP_MODELS."
    )
    quantization = forms.CharField(required=False, help_text="For people to read, such as Q4_K_M.")
    engine_options = ObjectField(help_text="As JSON, as the doctor recommends them. Empty: the standard.")
    field_order = ("name", "weights", "sha256", "quantization", "context_tokens", "licence", "description")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        weights, typed = cleaned.get("weights"), cleaned.get("sha256")
        if weights and typed and weights != typed:
            self.add_error("sha256", "Choose a known file or type the hash of another one, not both.")
        return cleaned

    def arguments(self) -> dict[str, Any]:
        given = super().arguments()
        chosen = given.pop("weights")
        return {**given, "sha256": chosen or given["sha256"].lower(), "provider": Provider.LLAMA_CPP.value}


class ExternalVersionForm(VersionForm):
    """Its endpoints are posted as `url` and `key`, a value for each row; keys are never sent back to the page."""

    preset = forms.ChoiceField(
        label="Kind of server",
        choices=[
            *((name, _LABELS.get(name, name)) for name in PRESETS),
            (Provider.HTTP_JSON.value, "Another one, by a mapping of its JSON"),
            *_MODERATION.items(),
        ],
    )
    external_model = forms.CharField(
        required=False, label="Model there", help_text="Its model id or the name of the deployment."
    )
    may_leave_company = forms.BooleanField(
        required=False,
        initial=True,
        label="Text leaves the company",
        help_text="Questions, quoted documents and answers are then read by the computers of another company. Clear it "
        "only if every endpoint is a machine of your own: routes that keep text inside will then use it.",
    )
    prompt_price = forms.CharField(initial="0", label="Price of a million tokens read")
    completion_price = forms.CharField(initial="0", label="Price of a million tokens written")
    request_options = ObjectField(help_text='As JSON: limits and mapping, such as {"concurrency": 8}.')
    field_order = ("name", "preset", "external_model", "may_leave_company", "prompt_price", "completion_price")

    def __init__(self, data: QueryDict | None = None) -> None:
        super().__init__(data)
        self._rows = list(zip(data.getlist("url"), data.getlist("key"), strict=False)) if data else []

    @property
    def urls(self) -> list[str]:
        typed = [url for url, _ in self._rows[:ENDPOINT_ROWS]]
        return [*typed, *[""] * (ENDPOINT_ROWS - len(typed))]

    def arguments(self) -> dict[str, Any]:
        given = super().arguments()
        rows = [{"url": url.strip(), "key": key.strip()} for url, key in self._rows if url.strip() or key.strip()]
        if given["preset"] in _MODERATION:
            preset = given["preset"].removeprefix(_MODERATION_PREFIX)
            return {**given, "preset": preset, "provider": Provider.MODERATION.value, "endpoints": rows}
        if given["preset"] == Provider.HTTP_JSON:
            return {**given, "preset": "", "provider": Provider.HTTP_JSON.value, "endpoints": rows}
        return {**given, "provider": Provider.OPENAI_COMPATIBLE.value, "endpoints": rows}
