"""The form that makes another version of one. Only what was changed in it is a change."""

import json
from typing import Any

from django import forms
from django.http import QueryDict

from chatapp.console.forms import ObjectField, VersionForm
from chatapp.inference.models import ModelVersion, Provider
from chatapp.inference.providers.registration import EXTERNAL

_OBJECTS = ("sampling", "engine_options", "request_options")
_TEXT = {"rows": 6, "spellcheck": "false"}


class CloneForm(VersionForm):
    """Fields that the version's provider has no use for are left out."""

    chat_template = forms.CharField(
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={**_TEXT, "class": "input code-input"}),
        help_text="In Jinja. Empty: the one in the weights.",
    )
    engine_options = ObjectField(help_text="As JSON. Empty: the standard.")
    request_options = ObjectField(help_text="As JSON: limits and mapping.")
    prompt_price = forms.DecimalField(required=False, label="Price of a million tokens read")
    completion_price = forms.DecimalField(required=False, label="Price of a million tokens written")
    card = forms.CharField(
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="What it is for, how it was made, where it fails. Markdown.",
    )
    field_order = ("name", "description", "system_prompt", "sampling", "context_tokens", "chat_template")

    def __init__(self, version: ModelVersion, data: QueryDict | None = None) -> None:
        self._version = version
        super().__init__(data)
        self.fields["system_prompt"] = forms.CharField(
            required=False,
            strip=False,
            widget=forms.Textarea(attrs={**_TEXT, "class": "input", "autocomplete": "off"}),
            help_text="Empty: the standard one.",
        )
        is_external = version.provider in EXTERNAL
        unused = ("chat_template", "engine_options") if version.provider != Provider.LLAMA_CPP else ()
        for name in (*unused, *(() if is_external else ("request_options", "prompt_price", "completion_price"))):
            del self.fields[name]
        for name in self.fields.keys() - {"name"}:
            value = getattr(version, name)
            is_object = name in _OBJECTS and value
            self.initial[name] = json.dumps(value, ensure_ascii=False, indent=1) if is_object else value or None
        self.order_fields(self.field_order)

    def changes(self) -> dict[str, Any]:
        """What differs from the version. Browsers send line ends as CR LF."""
        given = {name: _plain(value) for name, value in self.cleaned_data.items() if name != "name"}
        return {
            name: value
            for name, value in given.items()
            if value is not None and value != _plain(getattr(self._version, name))
        }


def _plain(value: Any) -> Any:
    return value.replace("\r\n", "\n") if isinstance(value, str) else value
