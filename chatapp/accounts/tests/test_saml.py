"""Signing in by SAML the way it is meant to go, and what a person is afterwards."""

from datetime import timedelta
from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount
from django.test import Client
from django.utils import timezone
from lxml import etree

from chatapp.accounts.models import AuditEvent, IdentityProvider, ProviderKind, SamlAssertion, SignIn, User
from chatapp.accounts.sso.presets import GROUPS_LINK, LABELS, preset_for
from chatapp.accounts.tests.saml_case import (
    ACS,
    BASE,
    ENTITY,
    KEY,
    answer_to,
    ask,
    is_signed_in,
    make_provider,
    post,
    provider,
    read_request,
    sign_in,
)
from tests.identity.saml_documents import EMAIL, NAMESPACES, TRANSIENT, signed_response

__all__ = ["provider"]
GROUPS = {"groups": ["engineering", "sales"]}


def me(client: Client) -> User:
    return User.objects.get(pk=client.session["_auth_user_id"])


def test_a_valid_response_signs_a_new_employee_in(client: Client, provider: IdentityProvider) -> None:
    attributes = {"username": ["erin"], "mail": ["erin@works.example"], "givenName": ["Erin"], **GROUPS}
    response = sign_in(client, attributes=attributes)
    assert (response.status_code, response["Location"]) == (302, "/")
    user = me(client)
    assert (user.username, user.first_name, user.roles) == ("erin", "Erin", ["employee"])
    assert sorted(user.groups.values_list("name", flat=True)) == GROUPS["groups"]
    assert not user.has_usable_password()
    started = SignIn.objects.get()
    assert (started.method, started.provider, started.sid, started.subject) == (
        "saml",
        "works",
        "_session",
        "subject-1",
    )
    assert {"user.created_by_sso", "session.login"} <= set(AuditEvent.objects.values_list("action", flat=True))


def test_a_response_that_is_signed_as_a_whole_is_as_good(client: Client, provider: IdentityProvider) -> None:
    waiting = post(signed_response(answer_to(ask(client)), KEY, whole=True))
    client.get(waiting["Location"])
    assert is_signed_in(client)


def test_the_same_subject_is_the_same_account_and_its_groups_follow(client: Client, provider: IdentityProvider) -> None:
    sign_in(client, attributes=GROUPS)
    first = me(client)
    for groups in (["sales"], []):
        again = Client()
        sign_in(again, attributes={"groups": groups} if groups else {})
        assert me(again) == first
        assert list(first.groups.values_list("name", flat=True)) == groups


def test_groups_that_are_too_many_for_the_provider_stay_what_they_were(
    client: Client, provider: IdentityProvider
) -> None:
    sign_in(client, attributes=GROUPS)
    sign_in(Client(), attributes={GROUPS_LINK: ["https://graph.example/groups"]})
    assert sorted(me(client).groups.values_list("name", flat=True)) == GROUPS["groups"]
    assert AuditEvent.objects.filter(action="session.groups_left_out").exists()


@pytest.mark.parametrize("name", [*LABELS, "unknown", ""])
@pytest.mark.parametrize("kind", ["oidc", "saml"])
def test_presets_fill_the_form_of_a_new_provider(client: Client, ada: User, name: str, kind: str) -> None:
    client.force_login(ada, backend="django.contrib.auth.backends.ModelBackend")
    page = client.get(f"/console/sign-in/new/{kind}/?preset={name}").content.decode()
    assert all(label in page for label in LABELS.values())
    assert all(value in page for value in preset_for(ProviderKind(kind), name).values())
    assert bool(preset_for(ProviderKind(kind), name)) == (name in LABELS)


def test_b12_an_address_makes_nobody_the_same_person(client: Client, provider: IdentityProvider, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(email="alice@works.example")
    attributes = {"mail": ["alice@works.example"], "username": ["alice"]}
    sign_in(client, attributes=attributes, name_id="alice@works.example", name_id_format=EMAIL)
    assert me(client) != alice
    other = Client()
    sign_in(other, attributes=attributes, name_id="somebody-else")
    assert me(other) not in {alice, me(client)}


def test_nothing_is_kept_of_what_else_a_provider_tells(client: Client, provider: IdentityProvider) -> None:
    sign_in(client, attributes={"username": ["erin"], "salary": ["100000"], **GROUPS})
    kept = SocialAccount.objects.get().extra_data
    assert kept == {"groups": GROUPS["groups"], "external_id": "subject-1"}
    assert SamlAssertion.objects.get().claims == {}


def test_a_configured_attribute_is_the_identity(client: Client, db: None) -> None:
    make_provider(subject_attribute="employeeNumber")
    sign_in(client, attributes={"employeeNumber": ["0042"]}, name_id="one-time-1", name_id_format=TRANSIENT)
    again = Client()
    sign_in(again, attributes={"employeeNumber": ["0042"]}, name_id="one-time-2", name_id_format=TRANSIENT)
    assert me(again) == me(client)


@pytest.mark.parametrize("values", [[], ["0042", "0043"], [""], ["x" * 192]])
def test_an_attribute_that_names_nobody_or_two_signs_nobody_in(client: Client, db: None, values: list[str]) -> None:
    make_provider(subject_attribute="employeeNumber")
    sign_in(client, attributes={"employeeNumber": values, "other": ["x"]})
    assert not is_signed_in(client)
    assert not User.objects.exists()


def test_a_name_that_changes_with_each_sign_in_is_no_identity(client: Client, provider: IdentityProvider) -> None:
    sign_in(client, name_id_format=TRANSIENT)
    assert not is_signed_in(client)


def test_the_request_names_us_and_asks_for_a_post(client: Client, provider: IdentityProvider) -> None:
    request = read_request(client.post(BASE + "login/"))
    assert request.get("AssertionConsumerServiceURL") == ACS
    assert request.findtext("saml:Issuer", namespaces=NAMESPACES) == ENTITY


def test_our_metadata_says_where_to_reach_us(client: Client, provider: IdentityProvider) -> None:
    response = client.get(BASE + "metadata/")
    root = etree.fromstring(response.content)
    assert (root.get("entityID"), root.get("validUntil")) == (ENTITY, None)
    assert root.find(".//md:AssertionConsumerService", NAMESPACES).get("Location") == ACS
    assert root.find("md:SPSSODescriptor", NAMESPACES).get("WantAssertionsSigned") in {"true", "false"}


def test_a_page_asks_before_it_leaves_and_the_button_needs_its_token(provider: IdentityProvider) -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.get(BASE + "login/").status_code == 200
    assert client.post(BASE + "login/").status_code == 403


def test_providers_that_are_off_unknown_or_of_another_kind_have_no_pages(client: Client, db: None) -> None:
    make_provider(enabled=False)
    make_provider(slug="other", kind="oidc", url="https://idp.example")
    for slug in ("works", "other", "nothing"):
        for page in ("login", "acs", "acs/finish", "sls", "metadata"):
            for method in (client.get, client.post):
                assert method(f"/accounts/saml/{slug}/{page}/").status_code in {404, 405}


def test_an_unsolicited_response_is_refused_or_asks_the_person(
    client: Client, provider: IdentityProvider, settings: Any
) -> None:
    unsolicited = signed_response(answer_to(None), KEY)
    assert post(unsolicited)["Location"] == "/accounts/login/"
    settings.SAML_IDP_INITIATED = True
    assert post(unsolicited)["Location"] == BASE + "login/"
    assert not SamlAssertion.objects.exists()


def test_what_was_accepted_is_forgotten_once_it_has_expired(client: Client, provider: IdentityProvider) -> None:
    sign_in(client)
    SamlAssertion.objects.update(expires_at=timezone.now() - timedelta(hours=1))
    sign_in(Client())
    assert SamlAssertion.objects.count() == 1
