"""Second reviews, escalation, undo, look-alikes and leases: who may decide what, and when."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from chatapp.accounts.models import AuditEvent, Role, User
from chatapp.errors import ChatappError
from chatapp.moderation import selectors, services
from chatapp.moderation.checks.findings import Finding
from chatapp.moderation.models import Action, Exchange, Flag, FlagDecision, FlagSource, FlagStatus, Severity, Stage
from tests.people import make_person

pytestmark = pytest.mark.django_db


def make_flag(
    *, severity: Severity = Severity.MEDIUM, user: User | None = None, answer: str = "say secret now", **changes: Any
) -> Flag:
    start = answer.find("secret")
    finding = Finding("", "words", Stage.OUTPUT, Action.FLAG, severity, ((start, start + 6),))
    fields = {
        "generation_id": uuid4(), "user": user, "question": "What?", "answer": answer, "sources": [],
        "model_version": "small", "policy_version": "", "findings": [finding], **changes,
    }  # fmt: skip
    return Flag.objects.get(exchange=services.record_exchange(**fields))


def reviewer(name: str, *roles: Role) -> User:
    user = make_person(name)
    user.roles = [Role.EMPLOYEE.value, *(role.value for role in (*roles, Role.REVIEWER))]
    user.save()
    return user


@pytest.fixture
def rita(db: None) -> User:
    return reviewer("rita")


def decide(user: User, flag: Flag, decision: str, **more: Any) -> Flag:
    services.claim_flag(user=user, flag_id=flag.id)
    return services.decide_flag(user=user, flag_id=flag.id, decision=decision, **{"reason": "Because.", **more})


def refusal(act: Any) -> str:
    with pytest.raises(ChatappError) as refused:
        act()
    return refused.value.code


def test_a_severe_flag_is_decided_by_two(mona: User, rita: User) -> None:
    flag = make_flag(severity=Severity.HIGH)
    first = decide(mona, flag, "uphold")
    assert (first.status, first.queue, first.claimed_by, first.decided_at) == ("second", "second", None, None)
    assert refusal(lambda: services.claim_flag(user=mona, flag_id=flag.id)) == "flag_not_yours"
    assert services.claim_next_flag(user=mona) is None
    assert not selectors.list_flags_for(mona, "waiting")
    assert list(selectors.list_flags_for(rita, "waiting")) == [flag]
    overruled = decide(rita, flag, "dismiss", reason_code="public", reason="On the site.")
    assert (overruled.status, overruled.decided_by, overruled.reason) == (
        "dismissed",
        rita,
        "Public information. On the site.",
    )
    made = FlagDecision.objects.filter(flag=flag).values_list("decision", "queue", "actor__username", "reason_code")
    assert list(made) == [("uphold", "open", "mona", "other"), ("dismiss", "second", "rita", "public")]
    events = AuditEvent.objects.filter(action="moderation.flag_decided").order_by("at")
    assert [(event.before, event.after) for event in events] == [
        ({"status": "open"}, {"status": "second"}),
        ({"status": "second"}, {"status": "dismissed"}),
    ]


@pytest.mark.parametrize("least,status", [("", "upheld"), ("high", "upheld"), ("medium", "second"), ("low", "second")])
def test_from_which_severity_on_two_decide_is_a_setting(settings: Any, mona: User, least: str, status: str) -> None:
    settings.SECOND_REVIEW_SEVERITY = least
    assert decide(mona, make_flag(), "uphold").status == status


def test_an_escalated_flag_is_decided_by_somebody_who_may(mona: User, rita: User, ada: User) -> None:
    flag = make_flag()
    assert decide(mona, flag, "escalate", reason_code="unsure", reason="").status == "escalated"
    for user in (mona, rita):
        assert refusal(lambda user=user: services.claim_flag(user=user, flag_id=flag.id)) == "forbidden"
        assert services.claim_next_flag(user=user) is None
    services.claim_flag(user=ada, flag_id=flag.id)
    again = {"decision": "escalate", "reason": "Too hard."}
    assert refusal(lambda: services.decide_flag(user=ada, flag_id=flag.id, **again)) == "invalid"
    assert services.decide_flag(user=ada, flag_id=flag.id, decision="uphold", reason="Yes.").status == "upheld"


def test_nobody_reviews_what_they_asked_themselves(mona: User, rita: User) -> None:
    flag = make_flag(user=mona)
    assert not selectors.list_flags_for(mona)
    assert services.claim_next_flag(user=mona) is None
    assert selectors.count_flags_for(mona).by_status["waiting"] == 0
    for act in (services.claim_flag, services.open_flag, services.renew_claim, services.undo_decision):
        assert refusal(lambda act=act: act(user=mona, flag_id=flag.id)) == "not_found"
    assert services.claim_next_flag(user=rita) == flag


def test_nobody_judges_an_appeal_against_their_own_decision(mona: User, rita: User, alice: User) -> None:
    flag = make_flag(user=alice)
    decide(mona, flag, "uphold")
    appeal = services.raise_flag(
        exchange=flag.exchange, source=FlagSource.APPEAL, severity=Severity.MEDIUM, reporter=alice, report_text="Why?"
    )
    assert refusal(lambda: services.claim_flag(user=mona, flag_id=appeal.id)) == "flag_not_yours"
    assert services.claim_next_flag(user=mona) is None
    assert services.claim_next_flag(user=rita) == appeal


def test_what_a_reviewer_decided_is_read_once_however_many_flags_wait(mona: User) -> None:
    """Joined by a loop, 25,000 waiting flags and 4,000 own decisions took seconds."""
    plan = selectors.by_urgency(selectors.list_flags_for(mona, "waiting")).explain()
    assert plan.count("hashed SubPlan") == 2
    assert "Anti Join" not in plan


def test_the_next_flag_is_the_most_urgent_free_one(mona: User, rita: User) -> None:
    low, late, high = make_flag(severity=Severity.LOW), make_flag(), make_flag(severity=Severity.HIGH)
    soon = make_flag()
    Flag.objects.filter(id=soon.id).update(due_at=timezone.now())
    assert [services.claim_next_flag(user=user) for user in (mona, rita, mona)] == [high, soon, late]
    narrowed = selectors.FlagFilter(severity="high")
    assert services.claim_next_flag(user=rita, narrowed=narrowed) is None
    Flag.objects.filter(id=high.id).update(claimed_until=timezone.now())
    assert services.claim_next_flag(user=rita, narrowed=narrowed) == high
    assert services.claim_next_flag(user=rita) == low
    claims = AuditEvent.objects.filter(action="moderation.flag_claimed")
    assert claims.count() == 5
    assert refusal(lambda: services.claim_next_flag(user=mona, narrowed=selectors.FlagFilter(stage="x"))) == "invalid"


def test_a_claim_is_renewed_while_nobody_else_took_over(mona: User, rita: User) -> None:
    flag = make_flag()
    assert refusal(lambda: services.renew_claim(user=mona, flag_id=flag.id)) == "flag_unclaimed"
    services.claim_flag(user=mona, flag_id=flag.id)
    Flag.objects.update(claimed_until=timezone.now())
    renewed = services.renew_claim(user=mona, flag_id=flag.id)
    assert renewed.claimed_until
    assert renewed.claimed_until > timezone.now() + timedelta(minutes=14)
    Flag.objects.update(claimed_until=timezone.now())
    services.claim_flag(user=rita, flag_id=flag.id)
    assert refusal(lambda: services.renew_claim(user=mona, flag_id=flag.id)) == "flag_taken"
    services.decide_flag(user=rita, flag_id=flag.id, decision="uphold", reason="Yes.")
    assert refusal(lambda: services.renew_claim(user=mona, flag_id=flag.id)) == "flag_decided"


def test_a_lapsed_claim_falls_back_to_the_queue_that_it_came_from(mona: User, rita: User) -> None:
    flag = make_flag(severity=Severity.HIGH)
    decide(mona, flag, "uphold")
    services.claim_flag(user=rita, flag_id=flag.id)
    assert not selectors.list_flags_for(rita, "second")
    Flag.objects.update(claimed_until=timezone.now())
    assert list(selectors.list_flags_for(rita, "second")) == [flag]
    assert not selectors.list_flags_for(rita, "open")
    assert not selectors.list_flags_for(mona, "waiting")


def test_a_decision_is_undone_by_its_reviewer_for_ten_minutes(mona: User, rita: User) -> None:
    flag = make_flag()
    assert refusal(lambda: services.undo_decision(user=mona, flag_id=flag.id)) == "undo_over"
    decide(mona, flag, "uphold")
    assert refusal(lambda: services.undo_decision(user=rita, flag_id=flag.id)) == "undo_over"
    undo = services.undo_decision(user=mona, flag_id=flag.id)
    assert (undo.decision, undo.undoes.decision if undo.undoes else "") == ("undo", "uphold")
    flag = selectors.get_flag_for(mona, flag.id)
    assert (flag.status, flag.claimed_by, flag.decided_at, flag.reason) == ("claimed", mona, None, "")
    assert refusal(lambda: services.undo_decision(user=mona, flag_id=flag.id)) == "undo_over"
    services.decide_flag(user=mona, flag_id=flag.id, decision="dismiss", reason="After all.")
    FlagDecision.objects.filter(decision="dismiss").update(created_at=timezone.now() - timedelta(minutes=11))
    assert refusal(lambda: services.undo_decision(user=mona, flag_id=flag.id)) == "undo_over"
    assert Flag.objects.get().status == FlagStatus.DISMISSED
    assert AuditEvent.objects.filter(action="moderation.decision_undone").count() == 1


def test_who_decides_escalated_flags_undoes_others_decisions_any_time(mona: User, ada: User) -> None:
    flag = make_flag(severity=Severity.HIGH)
    decide(mona, flag, "uphold")
    FlagDecision.objects.update(created_at=timezone.now() - timedelta(days=3))
    services.undo_decision(user=ada, flag_id=flag.id)
    flag.refresh_from_db()
    assert (flag.status, flag.queue, flag.claimed_by) == ("open", "open", None)


def test_what_a_second_reviewer_has_in_hand_is_not_undone(mona: User, rita: User) -> None:
    flag = make_flag(severity=Severity.HIGH)
    decide(mona, flag, "uphold")
    services.claim_flag(user=rita, flag_id=flag.id)
    assert refusal(lambda: services.undo_decision(user=mona, flag_id=flag.id)) == "flag_taken"


def test_look_alikes_are_claimed_together_and_differ_in_figures_only(mona: User, rita: User) -> None:
    alike = [make_flag(answer=f"Order {number}: secret  PLAN!") for number in (101, 202, 303)]
    other = make_flag(answer="order 303: secret plans")
    assert len({flag.fingerprint for flag in alike}) == 1
    assert other.fingerprint not in {alike[0].fingerprint, ""}
    services.claim_flag(user=rita, flag_id=alike[2].id)
    assert selectors.count_alike(mona, alike[0]) == 1
    assert services.claim_alike(user=mona, flag_id=alike[1].id) == [alike[1], alike[0]]
    chosen = services.claim_flags(user=mona, flag_ids=[other.id, alike[2].id, uuid4()])
    assert chosen == [other]
    assert refusal(lambda: services.claim_flags(user=mona, flag_ids=[uuid4() for _ in range(101)])) == "invalid"


def test_appeals_are_like_no_other_flag_and_come_once(mona: User, alice: User) -> None:
    exchanges = [make_flag(user=alice).exchange for _ in range(2)]
    given = {"source": FlagSource.APPEAL, "severity": Severity.LOW, "reporter": alice}
    appeals = [services.raise_flag(exchange=exchange, report_text="Why?", **given) for exchange in exchanges]  # type: ignore[arg-type]
    assert {appeal.fingerprint for appeal in appeals} == {""}
    assert services.claim_alike(user=mona, flag_id=appeals[0].id) == [appeals[0]]
    again = services.raise_flag(exchange=exchanges[0], report_text="Again.", **given)  # type: ignore[arg-type]
    assert (again, again.report_text) == (appeals[0], "Why?")


def test_a_flag_is_due_by_its_severity(settings: Any, mona: User) -> None:
    settings.FLAG_DUE_HOURS = {"high": 1, "medium": 2, "low": 3}
    for severity, hours in (("high", 1), ("medium", 2), ("low", 3)):
        flag = make_flag(severity=Severity(severity))
        assert flag.due_at
        assert abs(flag.due_at - timezone.now() - timedelta(hours=hours)) < timedelta(minutes=1)
    Flag.objects.filter(severity="low").update(due_at=timezone.now())
    assert (selectors.count_overdue(), selectors.count_flags_for(mona).overdue) == (1, 1)
    assert [flag.severity for flag in selectors.list_flags_for(mona, narrowed=selectors.FlagFilter(overdue=True))] == [
        "low"
    ]
    decide(mona, Flag.objects.get(severity="low"), "dismiss")
    assert selectors.count_overdue() == 0


@pytest.mark.parametrize(
    "decision,more",
    [
        ("uphold", {"reason_code": "false_alarm"}),
        ("uphold", {"reason_code": "x" * 50}),
        ("dismiss", {"reason_code": "other", "reason": ""}),
        ("dismiss", {"effects": ["retract"]}),
        ("uphold", {"effects": ["explode"]}),
        ("uphold", {"effects": ["mask", "retract"]}),
        ("uphold", {"effects": ["notify"]}),  # Nobody asked: there is nobody to tell.
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(mona: User, decision: str, more: dict[str, Any]) -> None:
    flag = make_flag()
    services.claim_flag(user=mona, flag_id=flag.id)
    given = {"decision": decision, "reason": "Because.", **more}
    assert refusal(lambda: services.decide_flag(user=mona, flag_id=flag.id, **given)) == "invalid"
    flag.refresh_from_db()
    assert flag.status == FlagStatus.CLAIMED
    assert not FlagDecision.objects.exists()


def test_to_show_personal_data_is_a_right_and_an_event_with_a_reason(mona: User, alice: User) -> None:
    flag = make_flag()
    assert refusal(lambda: services.unmask_flag(user=mona, flag_id=flag.id, reason="  ")) == "invalid"
    assert refusal(lambda: services.unmask_flag(user=alice, flag_id=flag.id, reason="Curious.")) == "not_found"
    assert not AuditEvent.objects.exists()
    services.unmask_flag(user=mona, flag_id=flag.id, reason="To call the customer.")
    assert AuditEvent.objects.get().action == "moderation.unmasked"
    assert AuditEvent.objects.get().reason == "To call the customer."


@pytest.mark.parametrize("name", ["mallory", "oscar"])
def test_for_strangers_there_is_no_queue(name: str) -> None:
    stranger, flag = make_person(name), make_flag()
    assert refusal(lambda: services.claim_next_flag(user=stranger)) == "not_found"
    assert services.claim_flags(user=stranger, flag_ids=[flag.id]) == []
    assert selectors.count_flags_for(stranger).by_status["open"] == 0
    assert selectors.list_flag_choices(stranger) == ([], [])
    for act in (services.claim_alike, services.renew_claim, services.undo_decision):
        assert refusal(lambda act=act: act(user=stranger, flag_id=flag.id)) == "not_found"


def test_filters_find_what_they_name(mona: User, alice: User) -> None:
    policy = services.create_policy_version(
        user=None, name="company", activate=False,
        checks=[{"kind": "pattern", "stage": "input", "action": "flag", "patterns": ["x"]}],
    )  # fmt: skip
    asked = Finding(str(policy.id), "names", Stage.INPUT, Action.FLAG, Severity.LOW, ((0, 4),))
    of_policy, plain = make_flag(findings=[asked]), make_flag()
    report = services.raise_flag(
        exchange=Exchange.objects.earliest("created_at"), source=FlagSource.REPORT, severity="low", reporter=alice
    )
    for fields, found in (
        ({"policy": "company"}, [of_policy]),
        ({"check": "names"}, [of_policy]),
        ({"check": "report"}, [report]),
        ({"source": "report"}, [report]),
        ({"stage": "input"}, [of_policy]),
        ({"stage": "output"}, [report, plain]),
        ({"severity": "medium"}, [plain]),
        ({"check": "company"}, []),
    ):
        narrowed = selectors.FlagFilter(**fields)  # type: ignore[arg-type]
        assert list(selectors.list_flags_for(mona, narrowed=narrowed)) == found, fields
    assert selectors.list_flag_choices(mona) == (["names", "words"], ["company"])
