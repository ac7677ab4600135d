"""Tokens and cost: of one answer, and summed by user, group, version and day."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.inference.models import AnswerOutcome, ModelVersion, SideWork, Task
from chatapp.inference.services import record_outcome, record_side_work
from chatapp.inference.usage import Usage, UsageBy, UsageRow, usage_by, usage_per_day

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
    assert sums(usage_by(alice, by=UsageBy.USER, days=30)) == {
        "alice": Usage(answers=2, cached=1, prompt_tokens=1100, completion_tokens=110, cost=Decimal("0.000231"))
    }


def test_everybody_sees_only_what_is_theirs(alice: User, bob: User, mallory: User, ada: User) -> None:
    answer(alice, None)
    answer(bob, None)
    for by in UsageBy:
        assert usage_by(mallory, by=by, days=30) == []
    assert set(sums(usage_by(alice, by=UsageBy.USER, days=30))) == {"alice"}
    assert set(sums(usage_by(alice, by=UsageBy.GROUP, days=30))) == {"staff", "engineering"}
    assert set(sums(usage_by(ada, by=UsageBy.USER, days=30))) == {"alice", "bob"}


def test_groups_and_versions(alice: User, bob: User, mallory: User, ada: User, priced: ModelVersion) -> None:
    for user in (alice, bob, mallory):
        answer(user, priced)
    answer(alice, None)
    groups = sums(usage_by(ada, by=UsageBy.GROUP, days=30))
    assert {name: usage.answers for name, usage in groups.items()} == {
        "staff": 3,
        "engineering": 2,
        "sales": 1,
        "": 1,
    }
    versions = sums(usage_by(ada, by=UsageBy.VERSION, days=30))
    assert {name: usage.answers for name, usage in versions.items()} == {"priced": 3, "": 1}


def test_use_of_a_deleted_account_stays_in_the_sum(alice: User, ada: User, priced: ModelVersion) -> None:
    answer(alice, priced)
    alice.delete()
    assert [(row.key, row.usage.answers) for row in usage_by(ada, by=UsageBy.USER, days=30)] == [(None, 1)]


def test_days(alice: User) -> None:
    for days_ago in (0, 2, 2, 40):
        outcome = answer(alice, None)
        at = timezone.now() - timedelta(days=days_ago)
        AnswerOutcome.objects.filter(pk=outcome.pk).update(created_at=at)
    assert sums(usage_by(alice, by=UsageBy.USER, days=30))["alice"].answers == 3
    assert [usage.answers for _, usage in usage_per_day(alice, days=4)] == [0, 2, 0, 1]
    assert usage_per_day(alice, days=1)[0][0] == timezone.localdate()


def test_one_query_whatever_the_number_of_rows(
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
        with django_assert_num_queries(1):
            usage_by(ada, by=by, days=30)
    with django_assert_num_queries(1):
        usage_per_day(ada, days=30)
