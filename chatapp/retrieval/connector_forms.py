"""What the pages of connectors post: one form for each kind. What the values may be is said by the kind itself."""

from typing import Any

from django import forms
from django.conf import settings

from chatapp.forms import style_inputs
from chatapp.retrieval.models import Connector, ConnectorKind

_SCHEDULES = [(15, "Every 15 minutes"), (60, "Every hour"), (360, "Every 6 hours"), (1440, "Every day")]
_WEEKLY = (10_080, "Every week")
_SHARED = {"name", "every_minutes", "secret", "forget_secret"}


class ConnectorForm(forms.Form):
    """Needs `kind`. All fields but the shared ones are the configuration."""

    name = forms.CharField(max_length=120, label="Name")

    def __init__(self, data: Any = None, *, connector: Connector | None = None) -> None:
        super().__init__(data, initial=_initial(connector) if connector else None)
        kept = connector.every_minutes if connector else None
        self.fields["every_minutes"] = forms.TypedChoiceField(
            choices=_schedules(kept), coerce=int, empty_value=None, required=False, label="Sync"
        )
        if connector and connector.secret and "secret" in self.fields:
            self.fields["secret"].help_text = "One is stored. Leave this empty to keep it."
            self.fields["forget_secret"] = forms.BooleanField(required=False, label="Forget the stored secret")
        boxes = [name for name, field in self.fields.items() if isinstance(field, forms.BooleanField)]
        style_inputs(self, leave=boxes)

    def config(self) -> dict[str, object]:
        return {name: value for name, value in self.cleaned_data.items() if name not in _SHARED}

    def new_secret(self) -> str | None:
        """None: the stored one stays."""
        if self.cleaned_data.get("forget_secret"):
            return ""
        return self.cleaned_data.get("secret") or None


class _Patterns(forms.Form):
    include = forms.CharField(
        max_length=1000,
        required=False,
        label="Only files like",
        help_text="Patterns with commas between them, such as handbook/*, *.pdf. Empty: all that can be read.",
    )


class FolderForm(_Patterns, ConnectorForm):
    field_order = ("name", "path", "include", "every_minutes")
    path = forms.CharField(max_length=1000, label="Folder", help_text="Its full path on the server.")


class GitForm(_Patterns, ConnectorForm):
    field_order = ("name", "repository", "branch", "user", "secret", "forget_secret", "include", "every_minutes")
    repository = forms.CharField(
        max_length=1000, label="Repository", help_text="An https:// address, or the full path of a checkout."
    )
    branch = forms.CharField(max_length=200, required=False, help_text="Empty: the one the repository points to.")
    user = forms.CharField(max_length=200, required=False, help_text="Empty fits tokens of most servers.")
    secret = forms.CharField(
        max_length=4000, required=False, label="Token or password", widget=forms.PasswordInput(render_value=False)
    )


class S3Form(_Patterns, ConnectorForm):
    field_order = (
        "name", "endpoint", "bucket", "prefix", "region", "access_key", "secret", "forget_secret", "include",
        "every_minutes",
    )  # fmt: skip
    endpoint = forms.CharField(max_length=1000, help_text="Such as https://s3.eu-central-1.amazonaws.com")
    bucket = forms.CharField(max_length=100)
    # Django takes fields out of the class, so that the form's own attribute of this name stays what it is.
    prefix = forms.CharField(max_length=500, required=False, help_text="Only what lies below it.")  # type: ignore[assignment]
    region = forms.CharField(max_length=50, required=False, help_text="Empty: us-east-1.")
    access_key = forms.CharField(max_length=200, required=False, help_text="Empty for a public bucket.")
    secret = forms.CharField(
        max_length=4000, required=False, label="Secret key", widget=forms.PasswordInput(render_value=False)
    )


class WebForm(ConnectorForm):
    field_order = ("name", "url", "whole_site", "pages", "depth", "delay", "every_minutes")
    url = forms.CharField(max_length=1000, label="Address", help_text="Of the page, or of the first page of the site.")
    whole_site = forms.BooleanField(required=False, label="Follow links below this address")
    pages = forms.IntegerField(min_value=1, max_value=5000, initial=500, label="At most so many pages")
    depth = forms.IntegerField(min_value=0, max_value=20, initial=5, label="At most so many links away")
    delay = forms.IntegerField(min_value=0, max_value=10, initial=1, label="Seconds between two requests")


FORMS: dict[str, type[ConnectorForm]] = {
    ConnectorKind.FOLDER: FolderForm,
    ConnectorKind.GIT: GitForm,
    ConnectorKind.S3: S3Form,
    ConnectorKind.WEB: WebForm,
}


def _initial(connector: Connector) -> dict[str, object]:
    config = dict(connector.config)
    if isinstance(config.get("include"), list):
        config["include"] = ", ".join(config["include"])
    return {**config, "name": connector.name, "every_minutes": connector.every_minutes or ""}


def _schedules(kept: int | None) -> list[tuple[int | str, str]]:
    offered = [choice for choice in [*_SCHEDULES, _WEEKLY] if choice[0] >= settings.CONNECTOR_MIN_MINUTES]
    if kept and kept not in dict(offered):
        offered = sorted([*offered, (kept, f"Every {kept} minutes")])
    return [("", "Only when somebody asks"), *offered]
