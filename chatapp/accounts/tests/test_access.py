"""Accounts are closed and opened, and one administrator always stays."""

from typing import Any

import pytest
from django.test import Client

from chatapp.accounts import selectors, services
from chatapp.accounts.models import AuditEvent, Role, SignInPolicy, User
from chatapp.accounts.services.break_glass import appoint_break_glass
from chatapp.accounts.signals import AccessChange, access_changed
from chatapp.errors import ChatappError
from chatapp.privacy.services.erasures import request_erasure
from tests.people import PASSWORD, make_person


@pytest.fixture
def announced() -> Any:
    heard: list[tuple[object, AccessChange]] = []

    def hear(user_id: object, change: AccessChange, **_: Any) -> None:
        heard.append((user_id, change))

    access_changed.connect(hear)
    yield heard
    access_changed.disconnect(hear)


def signed_in(name: str) -> Client:
    client = Client()
    client.post("/accounts/login/", {"login": name, "password": PASSWORD})
    assert client.get("/").status_code == 200
    return client


def test_a_closed_account_loses_sessions_and_keys_and_says_why_in_the_audit(
    alice: User, ada: User, announced: Any, django_capture_on_commit_callbacks: Any
) -> None:
    client, (_, raw) = signed_in("alice"), services.create_api_key(user=alice)
    with django_capture_on_commit_callbacks(execute=True):
        services.disable_user(user=alice, actor=ada, reason="left the company")
    assert client.get("/").status_code == 302
    assert selectors.get_api_key(raw) is None
    event = AuditEvent.objects.get(action="user.disabled")
    assert (event.actor, event.object_id) == (ada, str(alice.pk))
    assert "left the company" in str(AuditEvent.objects.values().get(pk=event.pk))
    assert announced == [(alice.pk, AccessChange.DISABLED)]


def test_opening_it_again_brings_keys_back_and_no_session(alice: User, ada: User) -> None:
    client, (_, raw) = signed_in("alice"), services.create_api_key(user=alice)
    services.disable_user(user=alice, actor=ada, reason="")
    services.enable_user(user=alice, actor=ada, reason="")
    assert selectors.get_api_key(raw) is not None
    assert client.get("/").status_code == 302
    signed_in("alice")


def test_doing_it_twice_is_one_event(alice: User, ada: User) -> None:
    for _ in range(2):
        services.disable_user(user=alice, actor=ada, reason="")
    for _ in range(2):
        services.enable_user(user=alice, actor=ada, reason="")
    written = AuditEvent.objects.filter(action__in=["user.disabled", "user.enabled"])
    assert sorted(written.values_list("action", flat=True)) == ["user.disabled", "user.enabled"]


def test_nobody_closes_their_own_account(ada: User, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(roles=[Role.ADMINISTRATOR])
    with pytest.raises(ChatappError, match="their own account"):
        services.disable_user(user=ada, actor=ada, reason="")
    assert User.objects.get(pk=ada.pk).is_active


def test_the_last_administrator_stays(ada: User, alice: User) -> None:
    with pytest.raises(ChatappError, match="last administrator"):
        services.disable_user(user=ada, actor=None, reason="")
    other = make_person("eve")
    User.objects.filter(pk=other.pk).update(roles=[Role.ADMINISTRATOR])
    services.disable_user(user=ada, actor=other, reason="")
    assert not User.objects.get(pk=ada.pk).is_active


def test_a_program_is_no_other_administrator(ada: User, alice: User) -> None:
    """Nobody can sign in as one."""
    roles = [Role.EMPLOYEE.value, Role.ADMINISTRATOR.value]
    User.objects.create(username="program", is_service=True, own_roles=roles, roles=roles)
    for act in (
        lambda: services.disable_user(user=ada, actor=None, reason=""),
        lambda: services.set_roles(user=ada, roles=["employee"], actor=None),
    ):
        with pytest.raises(ChatappError, match="last administrator"):
            act()
    assert Role.ADMINISTRATOR in User.objects.get(pk=ada.pk).roles


def test_signing_out_everywhere_ends_the_sessions_of_one_person(alice: User, bob: User, ada: User) -> None:
    hers, also_hers, his = signed_in("alice"), signed_in("alice"), signed_in("bob")
    services.sign_out_everywhere(user=alice, actor=ada, reason="lost laptop")
    assert [client.get("/").status_code for client in (hers, also_hers, his)] == [302, 302, 200]


def test_the_last_administrator_who_can_sign_in_stays(ada: User, alice: User) -> None:
    """Another one is left, but passwords are for break-glass accounts and there is no provider."""
    User.objects.filter(pk=alice.pk).update(roles=[Role.ADMINISTRATOR], own_roles=[Role.ADMINISTRATOR])
    appoint_break_glass(user=ada, actor=None)
    SignInPolicy.objects.create(local_login=SignInPolicy.LocalLogin.BREAK_GLASS_ONLY)
    for act in (
        lambda: services.disable_user(user=ada, actor=alice, reason=""),
        lambda: services.set_roles(user=ada, roles=["employee"], actor=None),
        lambda: request_erasure(user=ada, person=ada, confirmation="ada"),
    ):
        with pytest.raises(ChatappError, match="No administrator could sign in"):
            act()
    found = User.objects.get(pk=ada.pk)
    assert (found.is_active, found.has_role(Role.ADMINISTRATOR)) == (True, True)
