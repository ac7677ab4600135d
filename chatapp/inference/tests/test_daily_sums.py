"""Days that are over are summed; what is told of them is what their outcomes and side work say."""

from collections import Counter
from dataclasses import astuple
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.inference.models import AnswerOutcome, DailyUse, ModelVersion, SideWork, SummedDay, Task
from chatapp.inference.usage import UsageBy, UsageScope, usage_by, usage_per_day, usage_totals
from chatapp.inference.usage.scope import last_days, last_hours
from chatapp.inference.usage.services import forget_person, sum_days

pytestmark = pytest.mark.django_db
Scopes = dict[str, UsageScope]


@pytest.fixture
def versions(db: None) -> list[ModelVersion]:
    names = ("one", "two")
    return [ModelVersion.objects.create(name=name, provider="scripted", context_tokens=512) for name in names]


def use(rng: Random, people: list[User | None], versions: list[ModelVersion], count: int, *, days: int = 9) -> None:
    """Random answers and side work until now."""
    outcomes, works = [], []
    for _ in range(count):
        whose: dict[str, Any] = {
            "user": rng.choice(people),
            "version": rng.choice([*versions, None]),
            "prompt_tokens": rng.randrange(3000),
            "completion_tokens": rng.randrange(500),
            "cost": Decimal(rng.randrange(10_000)) / 1_000_000,
            "created_at": timezone.now() - timedelta(days=days * rng.random()),
        }
        if rng.random() < 0.2:
            works.append(SideWork(task=Task.TITLE, **whose))
            continue
        is_timed = rng.random() < 0.9
        outcomes.append(
            AnswerOutcome(
                generation_id=UUID(int=rng.getrandbits(128)),
                status="complete",
                route=rng.choice(["", "default", "fast"]),
                first_token_seconds=rng.lognormvariate(-1, 1) if is_timed else None,
                duration_seconds=rng.lognormvariate(1, 1) if is_timed else None,
                is_trial=rng.random() < 0.1,
                is_cached=rng.random() < 0.1,
                **whose,
            )
        )
    _store(outcomes, works)


def _store(outcomes: list[AnswerOutcome], works: list[SideWork]) -> None:
    """As they are dated."""
    rows: list[AnswerOutcome | SideWork] = [*outcomes, *works]
    at = [row.created_at for row in rows]
    AnswerOutcome.objects.bulk_create(outcomes)
    SideWork.objects.bulk_create(works)
    for row, created_at in zip(rows, at, strict=True):
        row.created_at = created_at
    AnswerOutcome.objects.bulk_update(outcomes, ["created_at"])
    SideWork.objects.bulk_update(works, ["created_at"])


def asked(reader: User, scopes: Scopes) -> dict[Any, Any]:
    told: dict[Any, Any] = {
        (name, by): usage_by(reader, by=by, scope=s) for name, s in scopes.items() for by in UsageBy
    }
    for name, scope in scopes.items():
        told[name, "days"] = usage_per_day(reader, scope=scope)
        told[name, "totals"] = usage_totals(reader, scope=scope)
    return told


def scopes() -> Scopes:
    week, hours = last_days(7), last_hours(100)
    narrowed = [{"user": "alice"}, {"group": "engineering"}, {"version": "two"}, {"route": "fast"}]
    both = {"group": "staff", "version": "one", "route": "default"}
    return {"week": week, "hours": hours} | {str(names): week.narrowed(**names) for names in (*narrowed, both)}


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Auckland"])
def test_sums_say_what_outcomes_say(
    alice: User, bob: User, ada: User, versions: list[ModelVersion], settings: Any, zone: str
) -> None:
    settings.TIME_ZONE = zone
    bob.groups.add(Group.objects.create(name="second"))
    use(Random(zone), [alice, bob, ada, None], versions, 300)
    questions = scopes()
    of_each = [asked(reader, questions) for reader in (ada, alice)]
    assert sum_days() >= 8
    assert SummedDay.objects.filter(day__gte=timezone.localdate()).count() == 0
    assert [asked(reader, questions) for reader in (ada, alice)] == of_each
    assert sum_days() == 0


def test_sums_are_what_plain_counting_gives(alice: User, bob: User, ada: User, versions: list[ModelVersion]) -> None:
    use(Random(3), [alice, bob, None], versions, 200)
    sum_days()
    scope = last_days(7)
    rows = list(AnswerOutcome.objects.filter(is_trial=False, created_at__gte=scope.since))
    works = list(SideWork.objects.filter(created_at__gte=scope.since))
    used: list[AnswerOutcome | SideWork] = [*rows, *works]
    told = usage_totals(ada, scope=scope).now
    assert told.usage.answers == len(rows)
    assert told.usage.cached == sum(row.is_cached for row in rows)
    assert told.usage.prompt_tokens == sum(row.prompt_tokens for row in used)
    assert told.usage.cost == sum(row.cost for row in used)
    assert told.users == len({row.user_id for row in rows} - {None})
    by_route = {row.name: row.usage.answers for row in usage_by(ada, by=UsageBy.ROUTE, scope=scope)}
    assert by_route == Counter(row.route for row in rows)
    firsts = sorted(row.first_token_seconds for row in rows if row.first_token_seconds is not None)
    nearest = [firsts[-(-len(firsts) * percent // 100) - 1] for percent in (50, 95)]
    assert astuple(told.speed)[:2] == pytest.approx(nearest, rel=0.01)


def test_what_comes_late_and_what_is_deleted_is_summed_anew(
    alice: User, ada: User, versions: list[ModelVersion]
) -> None:
    use(Random(5), [alice], versions, 60, days=5)
    sum_days()
    use(Random(6), [alice], versions, 10, days=5)
    gone = AnswerOutcome.objects.filter(created_at__lt=timezone.now() - timedelta(days=3, hours=3))
    gone.delete()
    SideWork.objects.all().delete()
    sum_days()
    told = asked(ada, scopes())
    SummedDay.objects.all().delete()
    assert asked(ada, scopes()) == told


def test_a_day_of_another_clock_is_no_sum(alice: User, versions: list[ModelVersion], settings: Any) -> None:
    use(Random(7), [alice], versions, 60, days=5)
    sum_days()
    settings.TIME_ZONE = "Pacific/Auckland"
    told = asked(alice, scopes())
    assert sum_days() > 0
    assert set(SummedDay.objects.values_list("zone", flat=True)) == {"Pacific/Auckland"}
    assert asked(alice, scopes()) == told


@pytest.mark.parametrize("hour,summed", [(0, 0), (2, 1)])
def test_a_day_stays_open_for_an_hour(
    alice: User, versions: list[ModelVersion], monkeypatch: pytest.MonkeyPatch, hour: int, summed: int
) -> None:
    use(Random(8), [alice], versions, 1)
    rows = {"created_at": datetime(2026, 3, 1, 23, 59, tzinfo=UTC)}
    for model in (AnswerOutcome, SideWork):
        model.objects.update(**rows)
    monkeypatch.setattr(timezone, "now", lambda: datetime(2026, 3, 2, hour, 30, tzinfo=UTC))
    assert sum_days() == summed


def test_an_erased_person_leaves_the_sums(alice: User, bob: User, ada: User, versions: list[ModelVersion]) -> None:
    use(Random(9), [alice, bob], versions, 80)
    sum_days()
    before = usage_totals(ada, scope=last_days(7)).now.usage
    assert forget_person(person=alice) == 80 - sum(
        model.objects.filter(user=bob).count() for model in (AnswerOutcome, SideWork)
    )
    assert not DailyUse.objects.filter(user=alice).exists()
    assert usage_totals(ada, scope=last_days(7)).now.usage == before
    assert sum_days() == 0
    told = asked(ada, scopes())
    SummedDay.objects.all().delete()
    assert asked(ada, scopes()) == told
