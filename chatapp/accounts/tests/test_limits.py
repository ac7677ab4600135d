"""Buckets, which of them count, and what happens without Redis."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import override_settings
from redis import Redis

from chatapp.accounts import limits, services
from chatapp.accounts.limits import store
from chatapp.accounts.limits.allowances import buckets_of_key, buckets_of_person, buckets_of_route, forget_limits
from chatapp.accounts.limits.buckets import Bucket
from chatapp.accounts.limits.local import LocalBuckets, local_buckets
from chatapp.accounts.models import AuditEvent, LimitPeriod, LimitSubject, LimitUnit, RateLimit, User
from chatapp.errors import ChatappError
from chatapp.metrics import FAULTS

MINUTE, DAY = LimitPeriod.MINUTE, LimitPeriod.DAY
REQUESTS, TOKENS = LimitUnit.REQUESTS, LimitUnit.TOKENS


@pytest.fixture(autouse=True)
def _nothing_is_remembered() -> Iterator[None]:
    forget_limits()
    yield
    forget_limits()


@pytest.fixture
def without_redis(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    closed = Redis.from_url("redis://127.0.0.1:1/0", socket_connect_timeout=0.2)
    monkeypatch.setattr(store, "redis_client", lambda **_: closed)
    monkeypatch.setattr(store._Pause, "until", 0.0)
    local_buckets.forget()
    yield
    local_buckets.forget()


def bucket(name: str = "b", *, quota: int = 60, period: int = 60, capacity: int | None = None) -> Bucket:
    key = f"limits:test:{name}:{time.monotonic_ns()}"
    return Bucket(name=name, key=key, unit="requests", quota=quota, period=period, capacity=capacity or quota)


def set_limit(ada: User, subject: LimitSubject, name: str, amount: int, **more: object) -> RateLimit:
    values: dict[str, Any] = {"unit": TOKENS, "period": DAY, **more}
    limit = services.set_rate_limit(actor=ada, subject=subject, name=name, amount=amount, **values)
    forget_limits()  # as on commit, which a test does not reach
    return limit


def test_a_bucket_gives_what_it_holds_and_then_says_when() -> None:
    small = bucket(quota=3, capacity=3)
    taken = [store.take({small: 1}) for _ in range(4)]
    assert [one.is_allowed for one in taken] == [True, True, True, False]
    assert [one.levels[0].remaining for one in taken] == [2, 1, 0, 0]
    assert 19 <= taken[-1].wait_seconds <= 20
    assert taken[-1].refused_by == small


def test_a_bucket_fills_again() -> None:
    fast = bucket(quota=6000, capacity=1)
    assert store.take({fast: 1}).is_allowed
    assert not store.take({fast: 1}).is_allowed
    time.sleep(0.05)
    assert store.take({fast: 1}).is_allowed


def test_either_all_buckets_are_taken_from_or_none() -> None:
    wide, narrow = bucket("wide", quota=10), bucket("narrow", quota=1)
    assert store.take({wide: 1, narrow: 1}).is_allowed
    refused = store.take({wide: 1, narrow: 1})
    assert (refused.is_allowed, refused.refused_by) == (False, narrow)
    assert store.take({wide: 0}).levels[0].remaining == 9


def test_more_than_a_bucket_holds_takes_the_whole_bucket() -> None:
    small = bucket(quota=10)
    assert store.take({small: 1000}).is_allowed
    assert not store.take({small: 1}).is_allowed


def test_what_is_given_back_comes_once_and_never_overflows() -> None:
    one = bucket(quota=10)
    store.take({one: 8})
    for _ in range(3):
        assert store.give_back({one: 5}, once=one.key)
    assert store.take({one: 0}).levels[0].remaining == 7
    assert store.give_back({one: 500}, once=one.key + "again")
    assert store.take({one: 0}).levels[0].remaining == 10


def test_more_used_than_reserved_is_a_debt() -> None:
    one = bucket(quota=10)
    store.take({one: 2})
    store.give_back({one: -20}, once=one.key)
    refused = store.take({one: 1})
    assert not refused.is_allowed
    assert 70 <= refused.wait_seconds <= 78  # twelve below zero and one more, at ten a minute
    assert store.take({one: 0}).is_allowed


def test_the_most_specific_limit_of_a_person_counts(alice: User, bob: User, ada: User) -> None:
    assert buckets_of_person(alice, TOKENS) == []
    set_limit(ada, LimitSubject.EVERYONE, "", 100)
    assert [one.quota for one in buckets_of_person(alice, TOKENS)] == [100]
    set_limit(ada, LimitSubject.GROUP, "staff", 50)
    set_limit(ada, LimitSubject.GROUP, "engineering", 70)
    assert [one.quota for one in buckets_of_person(alice, TOKENS)] == [70]
    assert [one.quota for one in buckets_of_person(bob, TOKENS)] == [50]
    set_limit(ada, LimitSubject.USER, "alice", 20, burst=5)
    assert [(one.quota, one.capacity) for one in buckets_of_person(alice, TOKENS)] == [(20, 5)]
    assert [one.quota for one in buckets_of_person(bob, TOKENS)] == [50]


@override_settings(REQUESTS_PER_MINUTE=7, TOKENS_PER_DAY=9)
def test_the_settings_count_where_no_limit_does(alice: User, ada: User) -> None:
    assert [(one.name, one.quota) for one in buckets_of_person(alice, REQUESTS)] == [("user-requests-minute", 7)]
    assert [(one.name, one.quota) for one in buckets_of_person(alice, TOKENS)] == [("user-tokens-day", 9)]
    set_limit(ada, LimitSubject.EVERYONE, "", 3, period=MINUTE)
    assert [one.name for one in buckets_of_person(alice, TOKENS)] == ["user-tokens-minute", "user-tokens-day"]


def test_a_key_narrows_and_never_widens(alice: User) -> None:
    key, _ = services.create_api_key(user=alice, requests_per_minute=2, tokens_per_day=10**9)
    assert [(one.name, one.quota) for one in buckets_of_key(key, REQUESTS)] == [("key-requests-minute", 2)]
    charges = [limits.charge_request(user=alice, key=key) for _ in range(3)]
    with pytest.raises(ChatappError) as refused:
        charges[2].require()
    assert (refused.value.code, refused.value.status) == ("rate_limited", 429)
    limits.charge_request(user=alice, key=None).require()  # her other keys go on


def test_a_route_is_shared_by_all(alice: User, bob: User, ada: User) -> None:
    set_limit(ada, LimitSubject.ROUTE, "dear", 2, unit=REQUESTS, period=MINUTE)
    assert buckets_of_route(alice, "default") == []
    assert buckets_of_route(alice, "dear") == buckets_of_route(bob, "dear") != []
    for person in (alice, bob):
        limits.reserve_question(user=person, key=None, route="dear", tokens=1)
    with pytest.raises(ChatappError, match="Too many"):
        limits.reserve_question(user=alice, key=None, route="dear", tokens=1)


def test_a_question_reserves_and_gets_back_what_it_did_not_use(alice: User, ada: User) -> None:
    set_limit(ada, LimitSubject.USER, "alice", 1000)
    reservation = limits.reserve_question(user=alice, key=None, route="default", tokens=800)
    assert reservation is not None
    with pytest.raises(ChatappError) as refused:
        limits.reserve_question(user=alice, key=None, route="default", tokens=800)
    assert refused.value.code == "tokens_used_up"
    assert "hours" in refused.value.message
    stored = limits.Reservation.from_dict(reservation.as_dict())
    assert stored == reservation
    for _ in range(2):
        assert limits.settle(stored, used=100, once="first")
    left = store.take(dict.fromkeys(reservation.buckets, 0.0)).levels[0].remaining
    assert left == 900


def test_only_administrators_set_limits_and_each_change_is_audited(alice: User, ada: User) -> None:
    with pytest.raises(ChatappError, match="may not"):
        set_limit(alice, LimitSubject.EVERYONE, "", 1)
    assert not RateLimit.objects.exists()
    limit = set_limit(ada, LimitSubject.USER, "alice", 5)
    set_limit(ada, LimitSubject.USER, "alice", 6)
    with pytest.raises(ChatappError, match="may not"):
        services.remove_rate_limit(actor=alice, limit=limit)
    services.remove_rate_limit(actor=ada, limit=limit)
    events = AuditEvent.objects.filter(action__startswith="limit.").order_by("at")
    assert [event.action for event in events] == ["limit.set", "limit.set", "limit.removed"]
    assert [(event.before or {}).get("amount") for event in events] == [None, 5, 6]


@pytest.mark.parametrize(
    "subject,name,amount",
    [
        (LimitSubject.USER, "nobody", 5),
        (LimitSubject.GROUP, "nothing", 5),
        (LimitSubject.ROUTE, "", 5),
        (LimitSubject.EVERYONE, "", 0),
        (LimitSubject.EVERYONE, "", -1),
        (LimitSubject.EVERYONE, "", 10**18),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused(ada: User, subject: LimitSubject, name: str, amount: int) -> None:
    with pytest.raises(ChatappError) as refused:
        set_limit(ada, subject, name, amount)
    assert refused.value.code == "invalid"
    assert not RateLimit.objects.exists()


def test_a_change_counts_at_once_in_the_same_process(
    alice: User, ada: User, django_capture_on_commit_callbacks: Any
) -> None:
    assert buckets_of_person(alice, TOKENS) == []
    with django_capture_on_commit_callbacks(execute=True):
        limit = services.set_rate_limit(
            actor=ada, subject=LimitSubject.EVERYONE, name="", unit=TOKENS, period=DAY, amount=5
        )
    assert [one.quota for one in buckets_of_person(alice, TOKENS)] == [5]
    with django_capture_on_commit_callbacks(execute=True):
        services.remove_rate_limit(actor=ada, limit=limit)
    assert buckets_of_person(alice, TOKENS) == []


def test_a_group_that_goes_takes_its_limit_along(ada: User, alice: User) -> None:
    set_limit(ada, LimitSubject.GROUP, "engineering", 70)
    Group.objects.filter(name="engineering").delete()
    forget_limits()
    assert buckets_of_person(alice, TOKENS) == []


@pytest.mark.usefixtures("without_redis")
def test_without_redis_a_stricter_limit_of_the_process_counts(alice: User) -> None:
    counted = FAULTS.labels(kind="limits_local")
    before = counted._value.get()
    few = bucket(quota=8)
    began = time.monotonic()
    taken = [store.take({few: 1}) for _ in range(100)]
    assert time.monotonic() - began < 2  # nobody waits for Redis a second time
    assert [one.is_allowed for one in taken].count(True) == 2  # a quarter of eight: never none, never all
    assert all(one.is_local for one in taken)
    assert taken[-1].wait_seconds >= 25  # refilled at a quarter of the pace, too
    assert counted._value.get() == before + 100


@pytest.mark.usefixtures("without_redis")
def test_without_redis_questions_are_accepted_and_nothing_is_given_back_twice(alice: User, ada: User) -> None:
    set_limit(ada, LimitSubject.USER, "alice", 4000)
    lent = limits.reserve_question(user=alice, key=None, route="default", tokens=500)
    assert lent is not None
    assert lent.buckets == ()  # lent by this process: Redis never gets it back
    known = replace(lent, buckets=(bucket(quota=1000),))
    assert limits.settle(known, used=1, once="later") is False


def test_the_process_forgets_the_longest_unused() -> None:
    kept = LocalBuckets()
    for number in range(10_050):
        kept.take({bucket(str(number)): 1})
    assert len(kept._kept) == 10_000


@pytest.mark.usefixtures("without_redis")
def test_without_redis_nobody_is_told_what_was_used(alice: User) -> None:
    with override_settings(TOKENS_PER_DAY=1000):
        reservation = limits.reserve_question(user=alice, key=None, route="default", tokens=240)
        assert reservation is not None
        assert reservation.notice is None
        assert limits.find_notice(user=alice) is None
