import re
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client, override_settings
from django.utils import timezone

from chatapp.accounts.limits import store
from chatapp.accounts.limits.allowances import buckets_of_person
from chatapp.accounts.models import ApiKey, AuditEvent, LimitUnit, User
from chatapp.accounts.selectors import get_api_key
from chatapp.accounts.services import add_key_usage, create_api_key

URL = "/settings/keys/"


@pytest.fixture
def alice_client(alice: User) -> Client:
    client = Client()
    client.force_login(alice)
    return client


def raw_key(response: Any) -> str:
    found = re.search(r'data-testid="raw-key">([^<]+)<', response.content.decode())
    assert found is not None
    return found[1]


def test_settings_begin_with_the_first_tab(alice_client: Client) -> None:
    assert alice_client.get("/settings/")["Location"] == URL
    page = alice_client.get(URL).content.decode()
    assert '<a href="/settings/keys/" aria-current="page">API keys</a>' in page
    assert 'data-testid="settings"' in page


def test_a_person_sees_own_keys_only(alice_client: Client, alice: User, mallory: User) -> None:
    assert "keys-empty" in alice_client.get(URL).content.decode()
    create_api_key(user=mallory, name="of-mallory")
    create_api_key(user=alice, name="of-alice")
    page = alice_client.get(URL).content.decode()
    assert "of-alice" in page
    assert "of-mallory" not in page


def test_the_page_says_when_most_tokens_of_the_day_are_used(alice_client: Client, alice: User) -> None:
    assert "tokens-note" not in alice_client.get(URL).content.decode()
    with override_settings(TOKENS_PER_DAY=1000):
        (bucket,) = buckets_of_person(alice, LimitUnit.TOKENS)
        store.take({bucket: 700})
        assert "tokens-note" not in alice_client.get(URL).content.decode()
        store.take({bucket: 155})
        assert "You have used 85 % of your tokens for a day." in alice_client.get(URL).content.decode()


def test_a_key_is_made_and_shown_once(alice_client: Client, alice: User) -> None:
    form = {"name": "Report", "days": "30", "read_only": "on", "scopes": ["chat", "usage"], "tokens_per_day": "5000"}
    response = alice_client.post(URL, form)
    raw = raw_key(response)
    assert "no-store" in response["Cache-Control"]
    key = get_api_key(raw)
    assert key is not None
    assert (key.user, key.name, key.read_only, key.scopes) == (alice, "Report", True, ["chat", "usage"])
    assert key.tokens_per_day == 5000
    assert timedelta(days=29) < key.expires_at - timezone.now() <= timedelta(days=30)
    later = alice_client.get(URL).content.decode()
    assert raw not in later
    assert raw[12:] not in later
    assert key.prefix in later


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": "x" * 101},
        {"name": "nul\0"},
        {"days": "0"},
        {"days": "-1"},
        {"days": str(settings.API_KEY_MAX_DAYS + 1)},
        {"days": "9" * 400},
        {"days": "many"},
        {"scopes": ["everything"]},
        {"requests_per_minute": "0"},
        {"tokens_per_day": "1e99"},
    ],
)
def test_a_form_that_is_wrong_makes_no_key(alice_client: Client, change: dict[str, Any]) -> None:
    response = alice_client.post(URL, {"name": "Report", "days": "30", **change})
    assert response.status_code == 400
    assert 'data-testid="error"' in response.content.decode()
    assert not ApiKey.objects.exists()


def test_a_person_has_a_limited_number_of_keys(alice_client: Client, alice: User) -> None:
    for _ in range(100):
        create_api_key(user=alice)
    response = alice_client.post(URL, {"name": "One more", "days": "30"})
    assert response.status_code == 400
    assert "100 keys" in response.content.decode()
    assert ApiKey.objects.count() == 100


def test_a_key_is_revoked_at_once(alice_client: Client, alice: User) -> None:
    key, raw = create_api_key(user=alice, name="Report")
    page = alice_client.get(URL).content.decode()
    assert 'hx-confirm="Revoke the key Report?' in page
    fragment = alice_client.post(f"{URL}{key.pk}/revoke/", headers={"HX-Request": "true"}).content.decode()
    assert "The key Report is revoked." in fragment
    assert get_api_key(raw) is None
    assert AuditEvent.objects.get(action="api_key.revoked").actor == alice


def test_another_persons_key_is_not_there(alice_client: Client, mallory: User) -> None:
    key, raw = create_api_key(user=mallory)
    theirs = alice_client.post(f"{URL}{key.pk}/revoke/")
    nobodys = alice_client.post(f"{URL}7b0f6a9c-3f0e-4f5b-9a53-0f4f5b9a5300/revoke/")
    assert theirs.status_code == nobodys.status_code == 404
    assert get_api_key(raw) is not None


def test_the_page_asks_as_much_of_the_database_for_many_keys(
    alice_client: Client, alice: User, django_assert_max_num_queries: Any
) -> None:
    for number in range(20):
        key, _ = create_api_key(user=alice, name=f"key {number}")
        add_key_usage(key_id=key.pk, tokens=1200 + number)
    with django_assert_max_num_queries(8):
        page = alice_client.get(URL).content.decode()
    assert "1,219" in page


def test_tokens_of_earlier_days_do_not_count_today(alice: User) -> None:
    key, _ = create_api_key(user=alice)
    add_key_usage(key_id=key.pk, tokens=10)
    add_key_usage(key_id=key.pk, tokens=5)
    assert key.usage.get().tokens == 15
