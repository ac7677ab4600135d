"""The form that makes a key, for oneself or for a service account."""

from datetime import timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.utils import timezone

from chatapp.accounts.scopes import SCOPES
from chatapp.forms import style_inputs

MOST_REQUESTS = 1_000_000
MOST_TOKENS = 10**12


class KeyForm(forms.Form):
    """`arguments` are those of `create_api_key`."""

    name = forms.CharField(max_length=100, help_text="What the key is for, such as “Nightly report”.")
    days = forms.IntegerField(min_value=1, label="Ends after days")
    read_only = forms.BooleanField(required=False, label="May only read")
    scopes = forms.MultipleChoiceField(
        choices=list(SCOPES.items()),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Without any the key may do all that its user may.",
    )
    requests_per_minute = forms.IntegerField(required=False, min_value=1, max_value=MOST_REQUESTS)
    tokens_per_day = forms.IntegerField(required=False, min_value=1, max_value=MOST_TOKENS)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        days = self.fields["days"]
        days.initial = settings.API_KEY_DAYS
        days.validators.append(forms.IntegerField(max_value=settings.API_KEY_MAX_DAYS).validators[-1])
        days.help_text = f"At most {settings.API_KEY_MAX_DAYS}."
        style_inputs(self, leave=["read_only", "scopes"])

    def arguments(self) -> dict[str, Any]:
        given = dict(self.cleaned_data)
        return {"expires_at": timezone.now() + timedelta(days=given.pop("days")), **given}
