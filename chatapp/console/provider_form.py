"""The form of an identity provider; which addresses and names are allowed is the service's own affair."""

from typing import Any

from django import forms
from django.http import QueryDict

from chatapp.accounts.models import IdentityProvider, ProviderKind
from chatapp.accounts.services.sso import ProviderFacts

_OF_KIND = {
    ProviderKind.OIDC: {"client_id", "secret"},
    ProviderKind.SAML: {"metadata", "subject_attribute", "nameid_format"},
}
_URL_LABELS = {ProviderKind.OIDC: "Issuer", ProviderKind.SAML: "Address of the metadata"}


class ProviderForm(forms.Form):
    slug = forms.CharField(
        max_length=40,
        label="Short name",
        help_text="Of a-z, 0-9 and hyphens; it never changes.",
    )
    name = forms.CharField(max_length=100, help_text="The label of its button on the sign-in page.")
    url = forms.CharField(max_length=500, required=False)
    metadata = forms.CharField(
        required=False, widget=forms.Textarea(attrs={"rows": 6}), help_text="The XML itself, instead of an address."
    )
    client_id = forms.CharField(max_length=300, label="Client id")
    secret = forms.CharField(
        max_length=500, required=False, label="Client secret", widget=forms.PasswordInput, help_text=""
    )
    subject_attribute = forms.CharField(
        max_length=200, required=False, help_text="What names the person for good. Empty: the NameID."
    )
    nameid_format = forms.CharField(max_length=100, required=False, label="NameID format")
    groups_claim = forms.CharField(
        max_length=200,
        initial="groups",
        label="Claim of the groups",
        help_text="With dots for what lies deeper, such as realm_access.roles.",
    )
    ends_provider_session = forms.BooleanField(required=False, initial=True, label="Signing out here signs out there")

    def __init__(
        self, data: QueryDict | None = None, *, kind: ProviderKind, provider: IdentityProvider | None = None
    ) -> None:
        super().__init__(data)
        for other in ProviderKind:
            for name in _OF_KIND[other] if other != kind else ():
                del self.fields[name]
        self.fields["url"].label = _URL_LABELS[kind]
        if provider is not None:
            del self.fields["slug"]
            self.initial = {name: getattr(provider, name) for name in self.fields if name != "secret"}
            if "secret" in self.fields:
                self.fields["secret"].help_text = "Empty: the one that is stored. It is never shown."
        for field in self.fields.values():
            if not isinstance(field, forms.BooleanField):
                field.widget.attrs.setdefault("class", "input")
            field.widget.attrs["autocomplete"] = "off"

    def facts(self) -> ProviderFacts:
        found: dict[str, Any] = {name: value for name, value in self.cleaned_data.items() if name != "slug"}
        return ProviderFacts(**found)
