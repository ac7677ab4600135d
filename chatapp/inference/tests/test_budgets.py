"""Budgets: what counts for whom and since when, who is told, and who may set them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from smtplib import SMTPRecipientsRefused, SMTPServerDisconnected
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import Group
from django.core.mail import EmailMessage
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from chatapp.accounts.models import AuditEvent, ServiceAccount, User
from chatapp.errors import ChatappError
from chatapp.inference.budgets import require_budget
from chatapp.inference.budgets.meter import forget_standings
from chatapp.inference.budgets.periods import period_of
from chatapp.inference.budgets.selectors import (
    count_used_up_for,
    list_budget_notices_for,
    list_lines_for,
    standings_of,
)
from chatapp.inference.budgets.services import (
    MOST,
    BudgetPlace,
    mail_notices,
    note_reached,
    remove_budget,
    set_budget,
    tell_once,
    telling,
)
from chatapp.inference.models import (
    AnswerOutcome,
    Budget,
    BudgetNotice,
    BudgetPeriod,
    BudgetSubject,
    BudgetUnit,
    SideWork,
    Task,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    forget_standings()
    yield
    forget_standings()


def use(user: User, *, at: datetime | None = None, **fields: Any) -> None:
    given = {"prompt_tokens": 900, "completion_tokens": 100, "cost": Decimal("0.5"), "status": "complete", **fields}
    row = AnswerOutcome.objects.create(generation_id=uuid4(), user=user, **given)
    if at is not None:
        AnswerOutcome.objects.filter(pk=row.pk).update(created_at=at)


def budget(
    actor: User,
    *,
    name: str = "",
    group: str = "",
    unit: str = "tokens",
    period: str = "day",
    soft: Any = None,
    hard: Any = None,
    **more: str,
) -> Budget:
    subject = BudgetSubject.GROUP if group else BudgetSubject.USER if name else BudgetSubject.EVERYONE
    place = BudgetPlace(subject=subject, unit=BudgetUnit(unit), period=BudgetPeriod(period), name=group or name)
    limits = [None if value is None else Decimal(value) for value in (soft, hard)]
    made = set_budget(actor=actor, place=place, soft=limits[0], hard=limits[1], **more)
    forget_standings()  # as on commit, which a test does not reach
    return made


def spent(user: User) -> list[Decimal]:
    return [standing.spent for standing in standings_of(user)]


def is_refused(user: User) -> bool:
    forget_standings()
    try:
        require_budget(user=user)
    except ChatappError as error:
        return error.code == "budget_used_up"
    return False


def test_answers_and_side_work_count_and_trials_do_not(ada: User, alice: User, bob: User) -> None:
    budget(ada, name="alice", hard=10_000)
    use(alice)
    use(bob)
    use(alice, is_trial=True)
    SideWork.objects.create(user=alice, task=Task.TITLE, prompt_tokens=30, completion_tokens=4, cost=1)
    assert spent(alice) == [Decimal(1034)]
    assert spent(bob) == []


def test_cost_counts_by_the_prices_of_the_answers(ada: User, alice: User) -> None:
    budget(ada, name="alice", unit="cost", soft="0.75", hard="1")
    use(alice)
    assert require_budget(user=alice) is None
    use(alice)
    assert is_refused(alice)
    assert spent(alice) == [Decimal("1.000000")]


def test_a_hard_limit_refuses_until_the_period_is_over_and_names_whom_to_ask(ada: User, alice: User) -> None:
    made = budget(ada, name="alice", period="month", soft=10, hard=1_000, contact="Grace in finance")
    use(alice, prompt_tokens=899)
    assert require_budget(user=alice) is not None
    forget_standings()
    use(alice, prompt_tokens=1, completion_tokens=0)
    with pytest.raises(ChatappError) as refused:
        require_budget(user=alice)
    ends_at = period_of(BudgetPeriod.MONTH).ends_at
    assert refused.value.status == 429
    assert f"Your budget of 1,000 tokens a month is used up until {ends_at:%-d %B}, 00:00." in refused.value.message
    assert "Ask Grace in finance" in refused.value.message
    assert abs(refused.value.params["seconds"] - (ends_at - timezone.now()).total_seconds()) < 5
    remove_budget(actor=ada, budget=made)
    assert not is_refused(alice)


def test_a_group_has_its_budget_together_and_the_strictest_applies(
    ada: User, alice: User, bob: User, mallory: User
) -> None:
    budget(ada, group="staff", hard=2_000)
    budget(ada, name="alice", hard=100_000)
    for person in (alice, bob, mallory):
        use(person)
    assert is_refused(alice)
    assert is_refused(bob)
    assert not is_refused(mallory)  # of no group


def test_who_leaves_a_group_takes_their_use_along(ada: User, alice: User, bob: User) -> None:
    budget(ada, group="staff", hard=1_000)
    use(bob)
    assert is_refused(alice)
    bob.groups.remove(Group.objects.get(name="staff"))
    assert not is_refused(alice)
    assert not is_refused(bob)


def test_everyone_has_that_much_each_unless_a_budget_of_their_own_says_otherwise(
    ada: User, alice: User, bob: User
) -> None:
    budget(ada, hard=1_000)
    budget(ada, name="bob", hard=5_000)
    use(alice)
    use(bob)
    assert is_refused(alice)
    assert not is_refused(bob)
    # Another unit or period of bob's own leaves everyone's in place.
    Budget.objects.filter(user=bob).update(period=BudgetPeriod.WEEK)
    assert is_refused(bob)


@pytest.mark.parametrize(
    "kind,at,starts,ends",
    [
        ("day", "2026-03-29T12:00", "2026-03-28T23:00", "2026-03-29T22:00"),  # 23 hours long
        ("day", "2026-10-25T12:00", "2026-10-24T22:00", "2026-10-25T23:00"),  # 25
        ("day", "2026-06-30T22:30", "2026-06-30T22:00", "2026-07-01T22:00"),  # tomorrow there already
        ("week", "2026-03-29T12:00", "2026-03-22T23:00", "2026-03-29T22:00"),
        ("month", "2026-12-31T22:59", "2026-11-30T23:00", "2026-12-31T23:00"),
        ("month", "2026-12-31T23:00", "2026-12-31T23:00", "2027-01-31T23:00"),
        ("month", "2028-02-29T12:00", "2028-01-31T23:00", "2028-02-29T23:00"),
    ],
)
def test_periods_follow_the_clock_of_the_company(kind: str, at: str, starts: str, ends: str) -> None:
    with timezone.override(ZoneInfo("Europe/Vienna")):
        period = period_of(BudgetPeriod(kind), datetime.fromisoformat(at).replace(tzinfo=UTC))
    with timezone.override(ZoneInfo("Europe/Vienna")):
        found = (period.starts_at.astimezone(UTC), period.ends_at.astimezone(UTC))
    assert found == tuple(datetime.fromisoformat(moment).replace(tzinfo=UTC) for moment in (starts, ends))


@pytest.mark.parametrize("zone,refused", [("UTC", False), ("Europe/Vienna", True), ("America/New_York", True)])
def test_what_was_used_before_midnight_there_does_not_count(
    ada: User, alice: User, settings: Any, monkeypatch: pytest.MonkeyPatch, zone: str, refused: bool
) -> None:
    now = datetime(2026, 6, 10, 0, 30, tzinfo=UTC)  # 02:30 in Vienna, the 9th in New York
    monkeypatch.setattr(timezone, "now", lambda: now)
    settings.TIME_ZONE = zone
    budget(ada, name="alice", hard=1_000)
    use(alice, at=now - timedelta(hours=1))
    assert is_refused(alice) is refused


def test_most_of_it_is_told_once_in_a_period(ada: User, alice: User, bob: User) -> None:
    made = budget(ada, group="engineering", soft=1_000, hard=4_000)
    use(alice, prompt_tokens=1_900)
    reached = require_budget(user=alice)
    assert reached is not None
    assert (reached.name, reached.percent) == ("The budget of engineering, 4,000 tokens a day", 50)
    assert [tell_once(user=alice, reached=reached) for _ in range(3)] == [True, False, False]
    assert tell_once(user=bob, reached=reached)
    BudgetNotice.objects.update(starts_on=timezone.localdate() - timedelta(days=1))
    assert tell_once(user=alice, reached=reached)
    remove_budget(actor=ada, budget=made)
    assert not tell_once(user=alice, reached=reached)  # It is known here for some seconds still.


def test_those_who_set_budgets_are_told_once_of_each_level(ada: User, oscar: User, alice: User, bob: User) -> None:
    budget(ada, group="staff", soft=1_000, hard=3_000)
    budget(ada, soft=1_500)
    use(alice)
    assert [(n.budget.subject_name, n.level, n.user) for n in note_reached()] == [("staff", "soft", None)]
    assert note_reached() == []
    use(bob, prompt_tokens=2_000)
    told = {(n.budget.subject_name, n.level, n.user and n.user.username) for n in note_reached()}
    assert told == {("staff", "hard", None), ("", "soft", "bob")}
    assert note_reached() == []
    assert [count_used_up_for(person) for person in (ada, oscar)] == [1, 0]
    assert len(list_budget_notices_for(ada)) == 3
    assert len(list_budget_notices_for(oscar)) == 0


@pytest.fixture
def mail_server(settings: Any, ada: User, oscar: User) -> None:
    settings.EMAIL_HOST = "mail.example.org"
    User.objects.filter(pk=ada.pk).update(email="ada@example.org")
    User.objects.filter(pk=oscar.pk).update(email="oscar@example.org")


def test_administrators_and_owners_of_programs_are_mailed_once(
    ada: User, alice: User, mail_server: None, mailoutbox: list[EmailMessage]
) -> None:
    program = User.objects.create(username="nightly", is_service=True)
    ServiceAccount.objects.create(user=program, purpose="reports", owner=alice)
    User.objects.filter(pk=alice.pk).update(email="alice@example.org")
    budget(ada, name="nightly", unit="cost", period="month", soft="0.4", hard=9)
    use(program)
    assert [notice.user for notice in note_reached()] == [program]
    assert [mail_notices(), mail_notices()] == [1, 0]
    assert sorted(mail.to for mail in mailoutbox) == [["ada@example.org"], ["alice@example.org"]]
    assert mailoutbox[0].subject == "Chatapp: nightly reached the soft limit of a budget"
    assert "nightly has used 0.50 of cost in the month from 1 " in mailoutbox[0].body
    assert "Nothing is refused by it now." in mailoutbox[0].body


def test_a_mail_server_that_is_away_is_tried_again_for_a_day(
    ada: User, alice: User, mail_server: None, mailoutbox: list[EmailMessage], monkeypatch: pytest.MonkeyPatch
) -> None:
    budget(ada, name="alice", soft=1_000)
    use(alice)
    note_reached()

    def refuse(*_: Any, **__: Any) -> int:
        raise SMTPServerDisconnected

    with monkeypatch.context() as broken:
        broken.setattr(telling, "send_mail", refuse)
        assert mail_notices() == 0
    assert mail_notices() == 1
    BudgetNotice.objects.update(mailed_at=None, at=timezone.now() - timedelta(days=2))
    assert mail_notices() == 0
    assert len(mailoutbox) == 1


@pytest.mark.parametrize(
    "error", [SMTPRecipientsRefused({"ada@example.org": (550, b"gone")}), ValueError("a header that is none")]
)
def test_one_bad_address_costs_nobody_their_mail_and_sends_it_to_nobody_twice(
    ada: User, alice: User, mail_server: None, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    User.objects.create(username="zoe", roles=ada.roles, email="zoe@example.org")
    told: list[str] = []

    def send(_subject: str, _text: str, _sender: str, addresses: list[str]) -> None:
        if addresses == ["ada@example.org"]:
            raise error
        told.extend(addresses)
        assert mail_notices() == 0  # Another turn, while this one is at it.

    monkeypatch.setattr(telling, "send_mail", send)
    budget(ada, name="alice", soft=1_000)
    use(alice)
    note_reached()
    assert [mail_notices(), mail_notices()] == [1, 0]
    assert told == ["zoe@example.org"]


def test_without_a_mail_server_the_console_alone_tells(
    ada: User, alice: User, mail_server: None, mailoutbox: list[EmailMessage], settings: Any
) -> None:
    settings.EMAIL_HOST = ""
    budget(ada, name="alice", soft=1_000)
    use(alice)
    note_reached()
    assert (mail_notices(), mailoutbox) == (0, [])
    assert len(list_budget_notices_for(ada)) == 1


def test_a_name_makes_no_second_header(ada: User, mail_server: None, mailoutbox: list[EmailMessage]) -> None:
    person = User.objects.create(username="eve\r\nBcc: all@example.org")
    budget(ada, soft=1_000)
    use(person)
    note_reached()
    assert mail_notices() == 1
    assert "\n" not in mailoutbox[0].subject


def test_other_limits_are_told_anew(ada: User, alice: User) -> None:
    budget(ada, name="alice", soft=1_000)
    use(alice)
    assert len(note_reached()) == 1
    budget(ada, name="alice", soft=1_000, note="as before")
    assert note_reached() == []
    budget(ada, name="alice", soft=900)
    assert len(note_reached()) == 1


def test_lines_say_how_all_stand_in_few_queries(
    ada: User, oscar: User, alice: User, bob: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for name in ("alice", "bob", "oscar"):
        budget(ada, name=name, hard=10_000)
    budget(ada, group="staff", unit="cost", hard=2)
    budget(ada, hard=4_000, period="week")
    use(alice)
    use(bob, prompt_tokens=3_900)
    with django_assert_num_queries(3):  # the budgets, everyone's spenders, all others
        lines = list_lines_for(ada)
    assert [(line.budget.subject_name, [s.percent for s in line.standings]) for line in lines] == [
        ("", [100]),
        ("staff", [50]),
        ("alice", [10]),
        ("bob", [40]),
        ("oscar", [0]),
    ]
    assert list_lines_for(oscar) == []


def test_a_question_costs_two_queries_in_ten_seconds(
    ada: User, alice: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for group, period in (("engineering", "day"), ("staff", "week"), ("staff", "month")):
        budget(ada, group=group, period=period, hard=10_000)
    budget(ada, hard=10_000)
    with django_assert_num_queries(2):
        for _ in range(20):
            require_budget(user=alice)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"soft": 0},
        {"hard": -1},
        {"hard": "0.5"},
        {"soft": 11, "hard": 10},
        {"hard": MOST + 1},
        {"hard": "NaN"},
        {"hard": "Infinity"},
        {"hard": "0.0000001", "unit": "cost"},
        {"hard": 1, "name": "nobody"},
        {"hard": 1, "name": "al\0ice"},
        {"hard": 1, "group": "nobodys"},
    ],
)
def test_what_makes_no_sense_is_refused(ada: User, values: dict[str, Any]) -> None:
    with pytest.raises(ChatappError) as refused:
        budget(ada, **values)
    assert refused.value.code == "invalid"
    assert not Budget.objects.exists()


def test_only_those_who_may_set_them(ada: User, oscar: User, mallory: User) -> None:
    made = budget(ada, hard=1)
    for stranger in (oscar, mallory):
        with pytest.raises(ChatappError, match="may not"):
            budget(stranger, hard=10)
        with pytest.raises(ChatappError, match="may not"):
            remove_budget(actor=stranger, budget=made)
    assert Budget.objects.get().hard == 1


def test_every_change_is_audited(ada: User, bob: User) -> None:
    assert bob.groups.filter(name="sales").exists()
    budget(ada, group="sales", unit="cost", period="month", hard=100)
    made = budget(ada, group="sales", unit="cost", period="month", soft=80, hard=120, note="more people")
    remove_budget(actor=ada, budget=made)
    first, second, third = AuditEvent.objects.filter(action__startswith="budget.").order_by("at")
    befores = [event.before or {} for event in (first, second, third)]
    assert [before.get("hard") for before in befores] == [None, "100", "120"]
    assert (second.after or {})["hard"] == "120"
    assert (third.action, befores[2]["note"]) == ("budget.removed", "more people")
