"""B16 and B21: failed passwords are counted where nobody can reset them, and tell nothing about accounts."""

import re
from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.core.cache import cache
from django.core.cache.backends.redis import RedisCache
from django.test import Client
from django.utils import timezone
from redis.exceptions import ConnectionError as RedisAwayError

from chatapp.accounts.models import AuditEvent, SignInPolicy, User

LOGIN = "/accounts/login/"
PASSWORD = "correct-horse-battery-staple"


@pytest.fixture(autouse=True)
def _few(settings: Any) -> None:
    settings.LOGIN_FAILURES_PER_NAME = 3
    settings.LOGIN_FAILURES_PER_ADDRESS = 1000


def attempt(name: str = "alice", password: str = "wrong", *, address: str = "203.0.113.7", **headers: str) -> bool:
    """Whether it signs in."""
    client = Client()
    client.post(LOGIN, {"login": name, "password": password}, headers=headers, REMOTE_ADDR=address)
    return "_auth_user_id" in client.session


def test_b16_a_name_is_locked_whatever_address_or_header_the_tries_come_with(alice: User) -> None:
    for number in range(1000):
        forwarded = f"198.51.{number // 250}.{number % 250}"
        if number < 3:
            attempt(address=f"203.0.113.{number}", **{"X-Forwarded-For": forwarded, "User-Agent": str(number)})
            continue
        # Only what decides is looked at here: a thousand hashes would take minutes.
        if number % 250 == 0:
            assert not attempt(password=PASSWORD, **{"X-Forwarded-For": forwarded})
    assert not attempt(password=PASSWORD)
    assert sum(AccessAttempt.objects.values_list("failures_since_start", flat=True)) == 3


@pytest.mark.parametrize("names", [("alice", "ALICE", " Alice ", "aLiCe"), ("alice",) * 4])
def test_b16_the_spelling_of_a_name_does_not_count_anew(alice: User, names: tuple[str, ...]) -> None:
    for name in names[:3]:
        attempt(name)
    assert not attempt(names[3], PASSWORD)


def test_b16_an_address_is_locked_for_all_names(alice: User, settings: Any) -> None:
    settings.LOGIN_FAILURES_PER_ADDRESS = 4
    for number in range(4):
        attempt(f"nobody-{number}")
    assert not attempt(password=PASSWORD)
    assert attempt(password=PASSWORD, address="203.0.113.8")


def test_b16_one_good_password_resets_nobody_s_counter(alice: User, bob: User) -> None:
    for _ in range(2):
        attempt("alice")
        attempt("bob")
    assert attempt("bob", PASSWORD)
    attempt("alice")
    assert not attempt("alice", PASSWORD)
    attempt("bob")
    assert not attempt("bob", PASSWORD)


def test_b16_who_is_locked_out_stays_so_for_the_time_that_is_set_and_not_longer_by_trying(alice: User) -> None:
    for _ in range(3):
        attempt()
    assert not attempt(password=PASSWORD)
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=16))
    assert attempt(password=PASSWORD)


def test_b16_valkey_away_changes_nothing(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise RedisAwayError

    monkeypatch.setattr(RedisCache, "_cache", property(fail))
    with pytest.raises(RedisAwayError):
        cache.get("anything")
    for _ in range(3):
        attempt()
    assert not attempt(password=PASSWORD)


def test_b16_what_was_typed_is_not_kept(alice: User) -> None:
    Client().post(f"{LOGIN}?next=/secret-page", {"login": "my-secret-password", "password": "hunter2"})
    stored = str(list(AccessAttempt.objects.values()))
    assert not any(word in stored for word in ("secret-password", "hunter2", "secret-page"))


def test_the_lock_is_told_once(alice: User) -> None:
    for _ in range(6):
        attempt()
    actions = list(AuditEvent.objects.order_by("at").values_list("action", flat=True))
    assert actions == ["session.login_failed"] * 2 + ["session.locked_out"]


# --- B21 ---


def seen(name: str, password: str) -> tuple[int, str, int]:
    """Status, page and its length, without what is different in every page and with the name as if it were one."""
    response = Client().post(LOGIN, {"login": name, "password": password})
    page = response.content.decode().replace(name, "NAME")
    page = re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"', "", page)
    return response.status_code, page, len(page)


@pytest.fixture
def outsiders(alice: User, bob: User, mallory: User, mona: User, ada: User) -> dict[str, tuple[str, str]]:
    """By reason why somebody stays out: a name and a password."""
    User.objects.filter(pk=bob.pk).update(is_active=False)
    User.objects.filter(pk=mona.pk).update(is_service=True)
    ada.set_unusable_password()
    ada.save()
    for _ in range(3):
        attempt("mallory")
    return {
        "wrong": ("alice", "wrong"),
        "unknown": ("nobody", "wrong"),
        "closed": ("bob", PASSWORD),
        "locked": ("mallory", PASSWORD),
        "service account": ("mona", PASSWORD),
        "no password": ("ada", "wrong"),
    }


def test_b21_every_reason_to_stay_out_looks_the_same(outsiders: dict[str, tuple[str, str]]) -> None:
    answers = {reason: seen(*typed) for reason, typed in outsiders.items()}
    assert len(set(answers.values())) == 1, answers
    assert answers["wrong"][0] == 200


def test_b21_and_lasts_the_same(outsiders: dict[str, tuple[str, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    """The hash of a password is what takes time: each reason computes exactly one."""
    from django.contrib.auth import hashers

    hashed: list[str] = []
    hasher = type(hashers.get_hasher())
    encode = hasher.encode

    def count(self: Any, password: str, salt: str) -> str:
        hashed.append("encode")
        return encode(self, password, salt)

    verify = hasher.verify

    def count_verify(self: Any, password: str, encoded: str) -> bool:
        hashed.append("verify")
        before = len(hashed)
        found = verify(self, password, encoded)
        del hashed[before:]
        return found

    monkeypatch.setattr(hasher, "encode", count)
    monkeypatch.setattr(hasher, "verify", count_verify)
    work = {}
    for reason, typed in outsiders.items():
        hashed.clear()
        seen(*typed)
        work[reason] = len(hashed)
    assert set(work.values()) == {1}, work


def test_b21_with_passwords_for_break_glass_only_a_right_one_looks_like_a_wrong_one(alice: User) -> None:
    SignInPolicy.objects.create(local_login=SignInPolicy.LocalLogin.BREAK_GLASS_ONLY)
    assert seen("alice", PASSWORD) == seen("alice", "wrong")


def test_nobody_is_locked_out_by_looking_at_the_page(alice: User, client: Client) -> None:
    for _ in range(10):
        assert client.get(LOGIN).status_code == 200
    assert not AccessAttempt.objects.exists()
