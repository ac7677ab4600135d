from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from chatapp.accounts import selectors, services
from chatapp.accounts.models import ApiKey, AuditEvent, User
from chatapp.errors import ChatappError


def usable(raw: str) -> ApiKey:
    key = selectors.get_api_key(raw)
    assert key is not None
    return key


def test_the_raw_key_is_not_stored(alice: User) -> None:
    key, raw = services.create_api_key(user=alice, name="notebook")
    assert selectors.get_api_key(raw) == key
    stored = str(ApiKey.objects.values().get())
    assert raw not in stored
    assert raw[12:] not in stored


@pytest.mark.parametrize("name", ["a\0b", "a\nb", "\ud800", "x" * 101])
def test_a_name_that_cannot_be_stored_or_shown_is_refused(alice: User, name: str) -> None:
    with pytest.raises(ChatappError, match="a name has up to 100 characters"):
        services.create_api_key(user=alice, name=name)
    with pytest.raises(CommandError, match="a name has up to 100 characters"):
        call_command("create_api_key", "alice", "--name", name, stdout=StringIO())
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("raw", ["", "ca_wrong", "ca_\x00", "ca_é", "x" * 100_000])
def test_an_unknown_key_is_none(alice: User, raw: str) -> None:
    services.create_api_key(user=alice)
    assert selectors.get_api_key(raw) is None


def test_revoked_expired_and_inactive_keys_are_dead(alice: User, ada: User) -> None:
    revoked, raw_revoked = services.create_api_key(user=alice)
    services.revoke_api_key(key=revoked, actor=alice)
    _, raw_expired = services.create_api_key(user=alice, expires_at=timezone.now() - timedelta(seconds=1))
    _, raw_future = services.create_api_key(user=alice, expires_at=timezone.now() + timedelta(hours=1))
    _, raw_inactive = services.create_api_key(user=ada)
    User.objects.filter(pk=ada.pk).update(is_active=False)
    assert [selectors.get_api_key(raw) for raw in (raw_revoked, raw_expired, raw_inactive)] == [None] * 3
    assert selectors.get_api_key(raw_future) is not None


def test_revoking_twice_is_one_event(alice: User) -> None:
    key, _ = services.create_api_key(user=alice)
    services.revoke_api_key(key=key, actor=alice)
    first = key.revoked_at
    services.revoke_api_key(key=key, actor=alice)
    assert key.revoked_at == first
    assert AuditEvent.objects.filter(action="api_key.revoked", object_id=str(key.pk)).count() == 1


def test_the_time_of_use_is_written_once_a_minute(alice: User, django_assert_num_queries: Any) -> None:
    _, raw = services.create_api_key(user=alice)
    services.touch_api_key(key=usable(raw))
    used = usable(raw)
    assert used.last_used_at is not None
    with django_assert_num_queries(0):
        services.touch_api_key(key=used)


def test_the_command_prints_a_working_key_last(alice: User) -> None:
    out = StringIO()
    call_command("create_api_key", "alice", "--read-only", "--name", "dashboard", stdout=out)
    key = usable(out.getvalue().split()[-1])
    assert (key.user, key.read_only, key.name) == (alice, True, "dashboard")


def test_the_command_refuses_unknown_and_inactive_users(alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False)
    for name in ("alice", "nobody"):
        with pytest.raises(CommandError, match=name):
            call_command("create_api_key", name)
    assert not ApiKey.objects.exists()


def test_audit_is_for_auditors_and_administrators(alice: User, ada: User) -> None:
    services.create_api_key(user=alice)
    assert not selectors.list_audit_events_for(alice).exists()
    event = selectors.list_audit_events_for(ada).get()
    assert (event.actor_name, event.action, event.object_type) == ("alice", "api_key.created", "accounts.ApiKey")
