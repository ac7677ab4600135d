"""Tokens and cost: of one answer, and summed by user, group, version and day."""

from dataclasses import astuple
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.inference.models import AnswerOutcome, ModelVersion, SideWork, Task
from chatapp.inference.services import record_outcome, record_side_work
from chatapp.inference.usage import Speed, Usage, UsageBy, UsageRow, usage_by, usage_per_day, usage_totals
from chatapp.inference.usage.scope import calendar_days, last_days, last_hours

pytestmark = pytest.mark.django_db


@pytest.fixture
def priced(db: None) -> ModelVersion:
    return ModelVersion.objects.create(
        name="priced",
        provider="openai_compatible",
        context_tokens=4096,
        prompt_price=Decimal("0.15"),
        completion_price=Decimal("0.6"),
    )


def answer(user: User | None, version: ModelVersion | None, **changes: Any) -> AnswerOutcome:
    given: dict[str, Any] = {
        "generation_id": uuid4(),
        "user_id": user and user.pk,
        "version_id": version and version.pk,
        "status": "complete",
        "prompt_tokens": 1000,
        "completion_tokens": 100,
        "first_token_seconds": 0.5,
        "duration_seconds": 2.0,
        "sources": 0,
        "cited": 0,
        "flags": 0,
    }
    record_outcome(**{**given, **changes})
    return AnswerOutcome.objects.get(generation_id=changes.get("generation_id", given["generation_id"]))


def sums(rows: list[UsageRow]) -> dict[str, Usage]:
    return {row.name: row.usage for row in rows}


def test_an_answer_costs_what_its_version_says(alice: User, priced: ModelVersion) -> None:
    # 1,000 at 0.15 and 100 at 0.60 per million.
    assert answer(alice, priced).cost == Decimal("0.000210")


def test_the_first_record_stands(alice: User, priced: ModelVersion) -> None:
    first = answer(alice, priced)
    again = answer(alice, priced, generation_id=first.generation_id, prompt_tokens=9)
    assert (again.prompt_tokens, again.cost) == (1000, first.cost)


def test_an_answer_out_of_the_cache_used_nothing(alice: User, priced: ModelVersion) -> None:
    hit = answer(alice, priced, is_cached=True)
    assert (hit.is_cached, hit.prompt_tokens, hit.completion_tokens, hit.cost) == (True, 0, 0, Decimal(0))


def test_an_answer_without_a_version_costs_nothing(alice: User) -> None:
    assert answer(alice, None, prompt_tokens=0, completion_tokens=0).cost == 0


def test_side_work_is_paid_but_is_no_answer(alice: User, priced: ModelVersion) -> None:
    answer(alice, priced)
    answer(alice, priced, is_cached=True)
    record_side_work(user_id=alice.pk, version_id=priced.pk, task=Task.TITLE, prompt_tokens=100, completion_tokens=10)
    assert SideWork.objects.get().cost == Decimal("0.000021")
    assert sums(usage_by(alice, by=UsageBy.USER, scope=last_days(30))) == {
        "alice": Usage(answers=2, cached=1, prompt_tokens=1100, completion_tokens=110, cost=Decimal("0.000231"))
    }


def test_everybody_sees_only_what_is_theirs(alice: User, bob: User, mallory: User, ada: User) -> None:
    answer(alice, None)
    answer(bob, None)
    for by in UsageBy:
        assert usage_by(mallory, by=by, scope=last_days(30)) == []
    assert set(sums(usage_by(alice, by=UsageBy.USER, scope=last_days(30)))) == {"alice"}
    assert set(sums(usage_by(alice, by=UsageBy.GROUP, scope=last_days(30)))) == {"staff", "engineering"}
    assert set(sums(usage_by(ada, by=UsageBy.USER, scope=last_days(30)))) == {"alice", "bob"}


def test_groups_and_versions(alice: User, bob: User, mallory: User, ada: User, priced: ModelVersion) -> None:
    for user in (alice, bob, mallory):
        answer(user, priced)
    answer(alice, None)
    groups = sums(usage_by(ada, by=UsageBy.GROUP, scope=last_days(30)))
    assert {name: usage.answers for name, usage in groups.items()} == {
        "staff": 3,
        "engineering": 2,
        "sales": 1,
        "": 1,
    }
    versions = sums(usage_by(ada, by=UsageBy.VERSION, scope=last_days(30)))
    assert {name: usage.answers for name, usage in versions.items()} == {"priced": 3, "": 1}


def test_use_of_a_deleted_account_stays_in_the_sum(alice: User, ada: User, priced: ModelVersion) -> None:
    answer(alice, priced)
    alice.delete()
    assert [(row.key, row.usage.answers) for row in usage_by(ada, by=UsageBy.USER, scope=last_days(30))] == [(None, 1)]


def test_days(alice: User) -> None:
    for days_ago in (0, 2, 2, 40):
        outcome = answer(alice, None)
        at = timezone.now() - timedelta(days=days_ago)
        AnswerOutcome.objects.filter(pk=outcome.pk).update(created_at=at)
    assert sums(usage_by(alice, by=UsageBy.USER, scope=last_days(30)))["alice"].answers == 3
    per_day = {row.day: row.usage.answers for row in usage_per_day(alice, scope=last_days(4))}
    today = timezone.localdate()
    assert per_day == {today - timedelta(days=2): 2, today: 1}
    assert [row.key for row in usage_by(alice, by=UsageBy.DAY, scope=last_days(4))] == sorted(per_day, reverse=True)
    assert sums(usage_by(alice, by=UsageBy.USER, scope=calendar_days(today, today)))["alice"].answers == 1
    assert sums(usage_by(alice, by=UsageBy.USER, scope=last_hours(49)))["alice"].answers == 3


def test_routes_and_what_came_by_none(alice: User, ada: User, priced: ModelVersion) -> None:
    for route in ("default", "default", "fast"):
        AnswerOutcome.objects.filter(pk=answer(alice, priced).pk).update(route=route)
    record_side_work(user_id=alice.pk, version_id=priced.pk, task=Task.TITLE, prompt_tokens=100, completion_tokens=10)
    routes = sums(usage_by(ada, by=UsageBy.ROUTE, scope=last_days(7)))
    assert {name: usage.answers for name, usage in routes.items()} == {"default": 2, "fast": 1, "": 0}
    assert routes[""].prompt_tokens == 100
    only = usage_by(ada, by=UsageBy.USER, scope=last_days(7).narrowed(route="default"))
    assert sums(only) == {"alice": Usage(2, 0, 2000, 200, Decimal("0.000420"))}


def test_seconds_and_people_are_those_of_answers(alice: User, bob: User, ada: User, priced: ModelVersion) -> None:
    for user, seconds in ((alice, 1.0), (alice, 2.0), (bob, 3.0)):
        answer(user, priced, first_token_seconds=seconds, duration_seconds=2 * seconds)
    answer(bob, priced, first_token_seconds=None, duration_seconds=None, status="failed")
    record_side_work(user_id=ada.pk, version_id=priced.pk, task=Task.TITLE, prompt_tokens=1, completion_tokens=1)
    [row] = usage_by(ada, by=UsageBy.VERSION, scope=last_days(7))
    assert row.users == 2
    assert astuple(row.speed) == pytest.approx((2.0, 3.0, 4.0), rel=0.01)
    [of_ada] = usage_by(ada, by=UsageBy.USER, scope=last_days(7).narrowed(user="ada"))
    assert (of_ada.users, of_ada.speed, of_ada.usage.answers) == (0, Speed(), 0)


def test_trials_stand_apart(alice: User, ada: User, priced: ModelVersion) -> None:
    answer(alice, priced)
    AnswerOutcome.objects.filter(pk=answer(alice, priced).pk).update(is_trial=True)
    before = answer(alice, priced).pk
    AnswerOutcome.objects.filter(pk=before).update(created_at=timezone.now() - timedelta(days=9))
    totals = usage_totals(ada, scope=last_days(7))
    assert [one.usage.answers for one in (totals.now, totals.before, totals.trials)] == [1, 1, 1]
    assert [row.usage.answers for row in usage_by(ada, by=UsageBy.USER, scope=last_days(7))] == [1]
    assert [row.usage.answers for row in usage_per_day(ada, scope=last_days(7))] == [1]


@pytest.mark.parametrize(
    "narrowed,answers",
    [
        ({"user": "alice"}, 2),
        ({"group": "sales"}, 1),
        ({"version": "priced"}, 3),
        ({"user": "alice", "group": "staff", "version": "priced"}, 2),
        ({"user": "bob", "group": "engineering"}, 0),
        ({"user": "nobody"}, 0),
        ({"route": "' OR 1=1 --"}, 0),
    ],
)
def test_what_is_named_narrows(
    alice: User, bob: User, ada: User, priced: ModelVersion, narrowed: dict[str, str], answers: int
) -> None:
    for user in (alice, alice, bob):
        answer(user, priced)
    scope = last_days(7).narrowed(**narrowed)
    for by in set(UsageBy) - {UsageBy.GROUP}:
        assert sum(row.usage.answers for row in usage_by(ada, by=by, scope=scope)) == answers
    groups = usage_by(ada, by=UsageBy.GROUP, scope=scope)
    assert max((row.usage.answers for row in groups), default=0) == answers
    assert usage_totals(ada, scope=scope).now.usage.answers == answers


def test_a_narrowed_sum_is_ones_own_too(alice: User, bob: User) -> None:
    answer(bob, None)
    assert usage_by(alice, by=UsageBy.USER, scope=last_days(7).narrowed(user="bob")) == []
    assert usage_totals(alice, scope=last_days(7)).now.usage.answers == 0


def test_a_fixed_number_of_queries_whatever_the_number_of_rows(
    alice: User, bob: User, ada: User, django_assert_num_queries: Any
) -> None:
    for user in (alice, bob, ada):
        answer(user, None)
        record_side_work(
            user_id=user.pk,
            version_id=ModelVersion.objects.create(name=user.username, provider="scripted", context_tokens=512).pk,
            task=Task.SUMMARY,
            prompt_tokens=1,
            completion_tokens=1,
        )
    for by in UsageBy:
        with django_assert_num_queries(3):
            usage_by(ada, by=by, scope=last_days(30))
    with django_assert_num_queries(6):
        usage_totals(ada, scope=last_days(30))
    with django_assert_num_queries(3):
        usage_per_day(ada, scope=last_days(30))
