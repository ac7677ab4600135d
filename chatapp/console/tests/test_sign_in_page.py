"""The page of identity providers: who may use it, what it refuses, and that the last way in stays."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client

from chatapp.accounts.models import AuditEvent, IdentityProvider, SignInPolicy, User
from chatapp.accounts.sso.documents import forget_documents
from chatapp.accounts.tests.signing_provider import SigningProvider, serve_documents
from tests.identity.leaving import way_out

pytestmark = pytest.mark.django_db
ClientOf = Callable[[str], Client]
PAGE = "/console/sign-in/"
SECRET = "very-secret-of-the-client"


@pytest.fixture
def provider() -> Iterator[SigningProvider]:
    forget_documents()
    with serve_documents() as provider:
        yield provider


def facts(provider: SigningProvider, **changes: str) -> dict[str, str]:
    told = {"slug": "company", "name": "Company", "url": provider.issuer, "client_id": "chatapp", "secret": SECRET}
    return {**told, "groups_claim": "groups", "ends_provider_session": "on", **changes}


def add(client: Client, provider: SigningProvider, **changes: str) -> Any:
    return client.post(f"{PAGE}new/oidc/", facts(provider, **changes))


def change(client: Client, action: str, **values: str) -> Any:
    return client.post(f"{PAGE}{action}/", values)


def test_a_provider_is_added_shown_and_offered(client_of: ClientOf, provider: SigningProvider) -> None:
    ada = client_of("ada")
    assert "There is no identity provider" in ada.get(PAGE).content.decode()
    assert add(ada, provider).status_code == 302
    assert "Company" in ada.get(PAGE).content.decode()
    page = Client().get("/accounts/login/")
    assert "Continue with Company" in page.content.decode()
    assert way_out(Client().post("/accounts/oidc/company/login/")).startswith(f"{provider.issuer}/authorize?")


def test_the_secret_is_encrypted_and_never_shown(client_of: ClientOf, provider: SigningProvider) -> None:
    ada = client_of("ada")
    add(ada, provider)
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM accounts_identityprovider")
        assert SECRET not in str(cursor.fetchall())
    assert SECRET not in ada.get(f"{PAGE}company/").content.decode()
    ada.post(f"{PAGE}company/", {**facts(provider), "name": "Renamed", "secret": ""})
    stored = IdentityProvider.objects.get()
    assert (stored.name, stored.secret) == ("Renamed", SECRET)
    assert SECRET not in str(list(AuditEvent.objects.values()))
    actions = AuditEvent.objects.filter(action__startswith="sign_in.").values_list("action", flat=True)
    assert set(actions) == {"sign_in.provider_added", "sign_in.provider_changed"}


@pytest.mark.parametrize(
    "url", ["http://idp.example", "https://169.254.169.254", "https://10.0.0.1", "https://u:p@idp.example", "x", ""]
)
def test_b17_a_forbidden_address_is_not_saved(client_of: ClientOf, provider: SigningProvider, url: str) -> None:
    response = add(client_of("ada"), provider, url=url)
    assert response.status_code == 200
    assert 'role="alert"' in response.content.decode() or "errorlist" in response.content.decode()
    assert not IdentityProvider.objects.exists()


@pytest.mark.parametrize("slug", ["saml", "oidc", "policy", "UPPER", "a b", "../x", "é", "", "x" * 41])
def test_a_short_name_that_means_something_else_is_refused(
    client_of: ClientOf, provider: SigningProvider, slug: str
) -> None:
    add(client_of("ada"), provider, slug=slug)
    assert not IdentityProvider.objects.exists()


def test_b12_a_short_name_never_passes_to_another_provider(
    client_of: ClientOf, provider: SigningProvider, alice: User
) -> None:
    ada = client_of("ada")
    add(ada, provider)
    SocialAccount.objects.create(user=alice, provider="company", uid="00u-alice")
    ada.post(f"{PAGE}company/", facts(provider, url="https://evil.example"))
    assert IdentityProvider.objects.get().url == provider.issuer
    change(ada, "company/remove")
    assert not IdentityProvider.objects.exists()
    add(ada, provider, url="https://evil.example")
    assert not IdentityProvider.objects.exists()


def test_a_provider_is_tested(client_of: ClientOf, provider: SigningProvider) -> None:
    ada = client_of("ada")
    add(ada, provider)
    page = ada.post(f"{PAGE}company/test/").content.decode()
    assert provider.issuer in page
    assert "1 (RS256)" in page
    IdentityProvider.objects.update(url=provider.issuer + "/elsewhere")
    assert "provider-failure" in ada.post(f"{PAGE}company/test/").content.decode()


def test_the_last_way_in_stays(client_of: ClientOf, provider: SigningProvider) -> None:
    ada = client_of("ada")
    add(ada, provider)
    only = {"local_login": "break_glass_only"}
    assert change(ada, "policy", **only).status_code == 409
    assert not SignInPolicy.objects.filter(**only).exists()
    user = User.objects.get(username="ada")
    SocialAccount.objects.create(user=user, provider="company", uid="00u-ada")
    assert change(ada, "policy", **only).status_code == 302
    assert change(ada, "company/enabled", enabled="0").status_code == 409
    assert change(ada, "company/remove").status_code == 409
    assert IdentityProvider.objects.get().enabled
    User.objects.filter(pk=user.pk).update(is_break_glass=True)
    assert change(ada, "company/enabled", enabled="0").status_code == 302
    user.set_unusable_password()
    user.save()
    assert change(client_of("ada"), "company/remove").status_code == 409


def test_an_inactive_administrator_is_no_way_in(
    client_of: ClientOf, provider: SigningProvider, django_user_model: Any
) -> None:
    ada = client_of("ada")
    add(ada, provider)
    gone = User.objects.create_user("gone", password="x", roles=["administrator"], is_break_glass=True, is_active=False)
    SocialAccount.objects.create(user=gone, provider="company", uid="00u-gone")
    assert change(ada, "policy", local_login="break_glass_only").status_code == 409


@pytest.mark.parametrize("name", ["mallory", "mona", "oscar"])
def test_strangers_change_nothing(client_of: ClientOf, provider: SigningProvider, name: str) -> None:
    add(client_of("ada"), provider)
    stranger = client_of(name)
    expected = 404 if name == "mallory" else 403
    paths = ["", "new/oidc/", "company/", "company/test/", "company/enabled/", "company/remove/", "policy/"]
    for path in paths:
        for response in (stranger.post(PAGE + path, facts(provider, name="Taken")), stranger.get(PAGE + path)):
            assert response.status_code in {expected, 405}
    assert IdentityProvider.objects.get().name == "Company"


@pytest.mark.parametrize("path", ["nothing/", "nothing/test/", "nothing/remove/", "new/ldap/"])
def test_what_is_not_there_is_not_found(client_of: ClientOf, path: str) -> None:
    assert client_of("ada").post(PAGE + path, {"slug": "x"}).status_code == 404


def test_providers_of_the_settings_are_shown_and_not_changed(client_of: ClientOf, settings: Any) -> None:
    app: dict[str, Any] = {"provider_id": "sso", "name": "From settings", "client_id": "c", "secret": SECRET}
    app |= {"settings": {"server_url": "https://idp.example"}}
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": [app]}}
    ada = client_of("ada")
    page = ada.get(PAGE).content.decode()
    assert "From settings" in page
    assert SECRET not in page
    assert ada.post(f"{PAGE}sso/remove/").status_code == 404


@pytest.mark.parametrize("value", ["", "nobody", "EVERYONE", "\x00"])
def test_an_unknown_policy_is_refused(client_of: ClientOf, value: str) -> None:
    response = change(client_of("ada"), "policy", local_login=value)
    assert response.status_code == 400
    assert not list(get_messages(response.wsgi_request))


def test_the_list_costs_the_same_for_many(
    client_of: ClientOf, provider: SigningProvider, django_assert_max_num_queries: Any
) -> None:
    ada = client_of("ada")
    for at in range(6):
        add(ada, provider, slug=f"company-{at}")
    with django_assert_max_num_queries(6):
        ada.get(PAGE)
