"""What the console opens with: what checks found and cost, and how review goes."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from chatapp.accounts.models import User
from chatapp.console.read_models.moderation_figures import PERIODS, moderation_figures, parse_period
from chatapp.moderation.models import CheckTally, Exchange, Flag, PolicyVersion, Verdict

pytestmark = pytest.mark.django_db

ClientOf = Callable[[str], Client]
PATH = "/console/"


@pytest.fixture
def policy() -> PolicyVersion:
    return PolicyVersion.objects.create(name="company", number=3, checks=[])


def make_verdict(
    policy: PolicyVersion | None, check: str = "words", *, age: timedelta = timedelta(0), **fields: Any
) -> Verdict:
    exchange = Exchange.objects.create(generation_id=uuid4(), question="q", answer="a")
    Exchange.objects.filter(pk=exchange.pk).update(created_at=timezone.now() - age)
    given = {"stage": "output", "action": "flag", "severity": "high", **fields}
    return Verdict.objects.create(exchange=exchange, policy=policy, check_name=check, **given)


def decide(verdict: Verdict, status: str, *, took: timedelta = timedelta(minutes=5)) -> None:
    now = timezone.now()
    flag = Flag.objects.create(
        exchange=verdict.exchange, verdict=verdict, severity="high", status=status, decided_at=now
    )
    Flag.objects.filter(pk=flag.pk).update(created_at=now - took)


def tally(policy: PolicyVersion, check: str = "words", **fields: Any) -> None:
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    given = {"stage": "output", "looks": 4, "seconds": 2.0, "slowest_seconds": 1.5, **fields}
    CheckTally.objects.create(hour=hour, policy=policy, check_name=check, **given)


def text_of(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def rows(page: str) -> list[str]:
    return re.findall(r'data-testid="check-row" data-check="([^"]*)"', page)


@pytest.mark.parametrize("name", ["alice", "mallory"])
def test_employees_have_no_overview(client_of: ClientOf, name: str) -> None:
    assert client_of(name).get(PATH).status_code == 404


def test_strangers_are_asked_to_sign_in() -> None:
    assert Client().get(PATH).status_code == 302


@pytest.mark.usefixtures("policy")
def test_without_the_right_to_policies_nothing_is_told(client_of: ClientOf, policy: PolicyVersion) -> None:
    decide(make_verdict(policy), "upheld")
    tally(policy)
    client_of("oscar")
    figures = moderation_figures(User.objects.get(username="oscar"), period=PERIODS[0])
    assert (figures.rows, figures.busiest, figures.review) == ([], None, None)
    page = client_of("oscar").get(PATH)
    assert (page.status_code, rows(page.content.decode())) == (200, [])
    assert "Waiting now" not in text_of(page.content.decode())


def test_an_empty_console_says_so(client_of: ClientOf) -> None:
    page = client_of("mona").get(PATH).content.decode()
    assert 'data-testid="verdicts-empty"' in page
    assert "no policy looked at a text" in page
    assert "Waiting now 0" in text_of(page)


def test_checks_stand_with_what_they_found_cost_and_how_right_they_were(
    client_of: ClientOf, policy: PolicyVersion
) -> None:
    for number in range(12):
        decide(make_verdict(policy), "upheld" if number < 9 else "dismissed")
    for number in range(3):
        decide(make_verdict(policy, "seldom"), "upheld" if number else "dismissed")
    make_verdict(policy, "seldom", is_shadow=True)
    tally(policy, looks=200, failures=4, seconds=5.0, slowest_seconds=2.5)
    page = client_of("mona").get(PATH).content.decode()
    assert rows(page) == ["words", "seldom"]
    text = text_of(page)
    assert "words company@3 output 12 75.0 % 9 of 12 upheld 200 25 ms 2.50 s 4 2.0 %" in re.sub(
        r" \d\d:00: \d+", "", text
    )
    assert "4 1 in shadow too few 2 of 3 upheld" in text
    assert "output 16" in text


def test_review_is_measured_from_the_flag_to_the_decision(client_of: ClientOf, policy: PolicyVersion) -> None:
    for minutes in range(1, 12):
        decide(make_verdict(policy), "dismissed", took=timedelta(minutes=minutes))
    late = make_verdict(policy)
    Flag.objects.create(
        exchange=late.exchange, verdict=late, severity="high", due_at=timezone.now() - timedelta(hours=1)
    )
    text = text_of(client_of("mona").get(PATH).content.decode())
    assert "Waiting now 1 Of these overdue 1 overdue Decided 11" in text
    assert "half within 6.0 min Nine of ten within 10.0 min" in text


def test_a_longer_period_takes_in_more(client_of: ClientOf, policy: PolicyVersion) -> None:
    client_of("ada")
    ada = User.objects.get(username="ada")
    for days in (0, 2, 5, 20, 40):
        make_verdict(policy, age=timedelta(days=days))
    found = [sum(bar.total for bar in moderation_figures(ada, period=period).bars) for period in PERIODS]
    assert found == [1, 3, 4]


def test_bars_are_by_stage_and_end_now(client_of: ClientOf, policy: PolicyVersion) -> None:
    client_of("ada")
    for stage in ("input", "output", "output"):
        make_verdict(policy, stage=stage)
    figures = moderation_figures(User.objects.get(username="ada"), period=parse_period("day"))
    assert len(figures.bars) == 24
    assert figures.bars[-1].counts == [1, 0, 2]
    assert [(part.stage, part.count) for part in figures.bars[-1].parts] == [("input", 1), ("output", 2)]
    assert sum(part.height for part in figures.bars[-1].parts) == pytest.approx(100, abs=0.1)
    assert figures.totals == {"input": 1, "context": 0, "output": 2}


@pytest.mark.parametrize("period", PERIODS)
@pytest.mark.parametrize(
    "now",
    [datetime(2026, 3, 29, 0, 0, tzinfo=UTC), datetime(2026, 7, 14, 23, 59, 59, tzinfo=UTC)],
)
def test_the_last_step_holds_this_moment(period: Any, now: datetime) -> None:
    times = period.times(now)
    assert times[-1] <= now < times[-1] + period.step
    assert len(times) == period.bars


def test_a_deleted_policy_keeps_its_figures(client_of: ClientOf) -> None:
    make_verdict(None, "old")
    assert "old A deleted policy" in text_of(client_of("mona").get(PATH).content.decode())


@pytest.mark.parametrize("period", ["", "year", "\0", "x" * 5000])
def test_a_made_up_period_is_refused(client_of: ClientOf, period: str) -> None:
    assert client_of("mona").get(PATH, {"period": period}).status_code == 400


def test_hostile_names_are_text(client_of: ClientOf, policy: PolicyVersion) -> None:
    make_verdict(policy, "<script>alert(1)</script>")
    page = client_of("mona").get(PATH).content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_the_number_of_queries_is_constant(
    client_of: ClientOf, policy: PolicyVersion, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client_of("mona")
    mona = User.objects.get(username="mona")
    make_verdict(policy)
    moderation_figures(mona, period=PERIODS[0])
    for number in range(30):
        make_verdict(policy, f"check {number}")
        tally(policy, f"check {number}")
    with django_assert_num_queries(4):
        assert len(moderation_figures(mona, period=PERIODS[2]).rows) == 31
