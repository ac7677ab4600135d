import json
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client

from chatapp.accounts import selectors
from chatapp.accounts.sso.configured import read_providers

OIDC = {"kind": "oidc", "slug": "company", "url": "https://idp.example", "client_id": "chatapp", "secret": "hush"}


def write(tmp_path: Path, content: Any) -> str:
    path = tmp_path / "providers.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


@pytest.mark.django_db
def test_several_providers_of_both_kinds_are_offered(tmp_path: Path, settings: Any, client: Client) -> None:
    secret = tmp_path / "secret"
    secret.write_text("from a file\n")
    second = {**OIDC, "slug": "partner", "name": "Partner", "secret_file": str(secret), "groups_claim": "roles"}
    del second["secret"]
    saml = {"kind": "saml", "slug": "old", "url": "https://old.example/metadata"}
    providers: dict[str, Any] = {}
    for kind, app in read_providers(write(tmp_path, [OIDC, second, saml]), taken={"sso"}):
        providers.setdefault(kind, {"APPS": []})["APPS"].append(app)
    settings.SOCIALACCOUNT_PROVIDERS = providers
    found = {provider.slug: provider for provider in selectors.list_identity_providers()}
    assert sorted(found) == ["company", "old", "partner"]
    assert (found["partner"].secret, found["partner"].groups_claim) == ("from a file", "roles")
    page = client.get("/accounts/login/").content.decode()
    assert "Continue with company" in page
    assert "Continue with Partner" in page


@pytest.mark.parametrize(
    "content",
    [
        "{",
        {},
        [1],
        [{**OIDC, "kind": "ldap"}],
        [{**OIDC, "slug": "Not a slug"}],
        [{**OIDC, "unknown": 1}],
        [{**OIDC, "secret": ""}],
        [{**OIDC, "url": ""}],
        [OIDC, OIDC],
        [{**OIDC, "slug": "sso"}],
        [{"kind": "saml", "slug": "old"}],
    ],
)
def test_a_wrong_file_stops_the_start(tmp_path: Path, content: Any) -> None:
    with pytest.raises(ImproperlyConfigured, match="SSO_PROVIDERS_FILE"):
        read_providers(write(tmp_path, content), taken={"sso"})


def test_no_file_is_no_provider() -> None:
    assert read_providers("", taken=set()) == []
    with pytest.raises(ImproperlyConfigured):
        read_providers("/nowhere/providers.json", taken=set())
