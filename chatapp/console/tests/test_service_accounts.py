import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from chatapp.accounts.models import AuditEvent, Role, ServiceAccount, User
from chatapp.accounts.selectors import get_api_key
from chatapp.accounts.services import create_api_key, disable_user
from chatapp.accounts.services.service_accounts import create_service_account, create_service_key
from chatapp.errors import ChatappError
from tests.people import PASSWORD

URL = "/console/service-accounts/"
FORM = {"username": "nightly", "purpose": "Nightly report", "owner": "alice", "group": "", "roles": ["employee"]}


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def account(ada: User, alice: User) -> ServiceAccount:
    return create_service_account(
        actor=ada, username="nightly", purpose="Nightly report", roles=["employee"], owner="alice"
    )


def raw_key(response: Any) -> str:
    found = re.search(r'data-testid="raw-key">([^<]+)<', response.content.decode())
    assert found is not None
    return found[1]


def test_an_administrator_makes_an_account_and_its_key(ada: User, alice: User) -> None:
    client = client_of(ada)
    assert "service-accounts-empty" in client.get(URL).content.decode()
    made = client.post(URL, FORM)
    account = ServiceAccount.objects.get()
    assert made["Location"] == f"{URL}{account.pk}/"
    assert (account.user.is_service, account.owner, account.user.roles) == (True, alice, ["employee"])
    raw = raw_key(client.post(made["Location"], {"name": "Cron", "days": "90", "scopes": ["chat"]}))
    key = get_api_key(raw)
    assert key is not None
    assert (key.user, key.created_by, key.scopes) == (account.user, ada, ["chat"])
    assert "nightly" in client.get(URL).content.decode()
    events = AuditEvent.objects.filter(actor=ada).values_list("action", flat=True)
    assert {"service_account.created", "api_key.created"} <= set(events)


def test_a_service_account_signs_in_by_no_way(account: ServiceAccount) -> None:
    for password in ("", "!", PASSWORD, account.user.password):
        client = Client()
        client.post("/accounts/login/", {"login": "nightly", "password": password})
        assert client.get("/").status_code == 302
    account.user.set_password(PASSWORD)  # as by hand in the database
    account.user.save()
    client = Client()
    client.post("/accounts/login/", {"login": "nightly", "password": PASSWORD})
    assert client.get("/")["Location"].startswith("/accounts/login/")


def test_its_keys_outlast_its_owner(account: ServiceAccount, ada: User, alice: User) -> None:
    _, raw = create_service_key(actor=ada, account=account, name="Cron")
    _, own = create_api_key(user=alice)
    disable_user(user=alice, actor=ada, reason="left")
    assert get_api_key(own) is None
    assert get_api_key(raw) is not None
    assert "owner-left" in client_of(ada).get(URL).content.decode()
    client_of(ada).post(f"{URL}{account.pk}/owner/", {"group": "staff"})
    account.refresh_from_db()
    assert (account.owner, account.owner_group) == (None, Group.objects.get(name="staff"))
    assert "owner-left" not in client_of(ada).get(URL).content.decode()


def test_a_disabled_account_has_no_key_that_works(account: ServiceAccount, ada: User) -> None:
    _, raw = create_service_key(actor=ada, account=account, name="Cron")
    client = client_of(ada)
    client.post(f"{URL}{account.pk}/active/", {"active": "0"})
    assert get_api_key(raw) is None
    assert "Disabled" in client.get(URL).content.decode()
    client.post(f"{URL}{account.pk}/active/", {"active": "1"})
    assert get_api_key(raw) is not None


def test_a_key_of_it_is_revoked(account: ServiceAccount, ada: User) -> None:
    key, raw = create_service_key(actor=ada, account=account, name="Cron")
    fragment = client_of(ada).post(f"{URL}{account.pk}/keys/{key.pk}/revoke/", headers={"HX-Request": "true"})
    assert "The key Cron is revoked." in fragment.content.decode()
    assert get_api_key(raw) is None


def test_a_persons_key_cannot_be_reached_through_an_account(account: ServiceAccount, ada: User, alice: User) -> None:
    key, raw = create_api_key(user=alice)
    assert client_of(ada).post(f"{URL}{account.pk}/keys/{key.pk}/revoke/").status_code == 404
    assert client_of(ada).get(f"{URL}{alice.pk}/").status_code == 404
    assert get_api_key(raw) is not None


def test_keys_that_end_soon_are_shown(account: ServiceAccount, ada: User) -> None:
    create_service_key(actor=ada, account=account, name="Cron", expires_at=timezone.now() + timedelta(days=3))
    assert "One ends" in client_of(ada).get(URL).content.decode()
    assert "Ends soon" in client_of(ada).get(f"{URL}{account.pk}/").content.decode()


@pytest.mark.parametrize(
    "change",
    [
        {"username": ""},
        {"username": "Nightly Report"},
        {"username": "alice"},
        {"username": "../x"},
        {"username": "nul\0"},
        {"purpose": ""},
        {"purpose": "x" * 201},
        {"owner": "nobody"},
        {"owner": "", "group": ""},
        {"owner": "", "group": "nothing"},
        {"roles": ["emperor"]},
    ],
)
def test_a_form_that_is_wrong_makes_no_account(ada: User, alice: User, change: dict[str, Any]) -> None:
    response = client_of(ada).post(URL, {**FORM, **change})
    assert response.status_code == 400
    assert 'data-testid="error"' in response.content.decode()
    assert not User.objects.filter(is_service=True).exists()


def test_strangers_and_other_roles_get_nothing(account: ServiceAccount, alice: User, oscar: User, mona: User) -> None:
    for person, status in [(alice, 404), (oscar, 403), (mona, 403)]:
        client = client_of(person)
        for path in (URL, f"{URL}{account.pk}/"):
            assert client.get(path).status_code == status
            assert client.post(path, {**FORM, "username": "other", "name": "k", "days": "9"}).status_code == status
        for path in ("owner/", "active/", f"keys/{uuid4()}/revoke/"):
            assert client.post(f"{URL}{account.pk}/{path}", {"active": "0"}).status_code == status
    account.user.refresh_from_db()
    assert account.user.is_active
    assert not account.user.api_keys.exists()
    assert User.objects.filter(is_service=True).count() == 1


def test_nobody_makes_a_key_that_may_more_than_himself(ada: User, alice: User, mallory: User) -> None:
    mighty = create_service_account(
        actor=ada, username="mighty", purpose="All", roles=[Role.ADMINISTRATOR], owner="alice"
    )
    User.objects.filter(pk=mallory.pk).update(permissions=["accounts.manage_service_accounts"])
    mallory.refresh_from_db()
    with pytest.raises(ChatappError, match="may not"):
        create_service_key(actor=mallory, account=mighty)
    with pytest.raises(ChatappError, match="may not"):
        create_service_account(actor=mallory, username="own", purpose="x", roles=["administrator"], owner="mallory")
    assert not mighty.user.api_keys.exists()


def test_the_list_asks_as_much_for_many_accounts(ada: User, alice: User, django_assert_max_num_queries: Any) -> None:
    for number in range(10):
        create_service_account(actor=ada, username=f"bot{number}", purpose="x", roles=[], owner="alice")
    client = client_of(ada)
    with django_assert_max_num_queries(10):
        assert client.get(URL).content.decode().count('data-testid="service-account"') == 10
