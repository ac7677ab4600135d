import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.utils import timezone

from chatapp.accounts.models import AuditEvent, Role, User
from chatapp.errors import ChatappError
from chatapp.moderation import selectors, services
from chatapp.moderation.checks import Finding
from chatapp.moderation.models import Action, Exchange, Flag, FlagStatus, PolicyVersion, Severity, Stage, Verdict
from chatapp.moderation.policy import active_policies
from tests.people import make_person

pytestmark = pytest.mark.django_db

BLOCK = {"kind": "pattern", "stage": "output", "action": "block", "severity": "high", "patterns": ["BLOCKME"]}
MASK = {"kind": "pii", "stage": "input", "action": "mask", "entities": ["card"]}


def finding(action: Action = Action.FLAG, *, stage: Stage = Stage.INPUT, policy_id: str = "") -> Finding:
    return Finding(policy_id, "words", stage, action, Severity.MEDIUM, ((4, 10),), excerpt="")


def record(user: User | None = None, *findings: Finding, **changes: Any) -> Exchange:
    fields = {
        "generation_id": uuid4(),
        "user": user,
        "question": "the secret plan",
        "answer": "No.",
        "sources": [{"n": 1, "document": "plan.md", "page": 2}],
        "model_version": "small",
        "policy_version": "company@1",
        "findings": findings,
        **changes,
    }
    return services.record_exchange(**fields)


def flag_of(exchange: Exchange) -> Flag:
    return Flag.objects.get(exchange=exchange)


@pytest.fixture
def flag(alice: User) -> Flag:
    return flag_of(record(alice, finding()))


@pytest.fixture
def rita(db: None) -> User:
    """A second reviewer."""
    user = make_person("rita")
    user.roles = [Role.EMPLOYEE.value, Role.REVIEWER.value]
    user.save()
    return user


def test_a_policy_holds_from_its_activation_to_its_end(ada: User) -> None:
    first = services.create_policy_version(user=ada, name="company", checks=[BLOCK], activate=True)
    assert active_policies().version == "company@1"
    second = services.create_policy_version(user=ada, name="company", checks=[BLOCK, MASK], activate=False)
    assert (second.number, active_policies().version) == (2, "company@1")
    services.change_policy_state(user=ada, policy_id=second.id, state="active", reason="Stricter.")
    assert active_policies().version == "company@2"
    first.refresh_from_db()
    assert not first.active
    services.change_policy_state(user=ada, policy_id=second.id, state="retired", reason="Too strict.")
    assert active_policies().version == ""
    assert active_policies().check_input("4111 1111 1111 1111").action == Action.ALLOW


def test_all_active_policies_apply_and_the_strictest_wins(ada: User) -> None:
    services.create_policy_version(user=ada, name="company", checks=[MASK], activate=True)
    other = {**BLOCK, "stage": "input", "patterns": ["4111"]}
    legal = services.create_policy_version(user=ada, name="legal", checks=[other], activate=True)
    assert active_policies().version == "company@1, legal@1"
    decision = active_policies().check_input("Card 4111 1111 1111 1111")
    assert (decision.action, decision.text) == (Action.BLOCK, "")
    assert str(legal.id) in {found.policy_id for found in decision.findings}
    masked = active_policies().check_input("Card 5555 5555 5555 4444")
    assert (masked.action, masked.text) == (Action.MASK, "Card [card number removed]")
    assert active_policies().check_passage("4111", external=False).action == Action.ALLOW


@pytest.mark.parametrize("name", ["", " ", "a@1", "a, b", "x" * 41, "-a", "a\nb", "a\0"])
def test_a_policy_name_is_plain(ada: User, name: str) -> None:
    with pytest.raises(ChatappError, match="name must be"):
        services.create_policy_version(user=ada, name=name, checks=[BLOCK], activate=False)


def test_a_wrong_policy_leaves_nothing_behind(ada: User) -> None:
    with pytest.raises(ChatappError, match="checks"):
        services.create_policy_version(user=ada, name="company", checks=[{**BLOCK, "patterns": ["(a"]}], activate=True)
    assert not PolicyVersion.objects.exists()
    assert not AuditEvent.objects.exists()


def test_no_more_policies_are_active_than_an_answer_can_name(ada: User) -> None:
    for number in range(6):
        services.create_policy_version(user=None, name=f"policy-{number}" + "x" * 32, checks=[BLOCK], activate=True)
    with pytest.raises(ChatappError, match="6 policies are active"):
        services.create_policy_version(user=ada, name="seventh", checks=[BLOCK], activate=True)
    assert len(active_policies().version) <= 300


@pytest.mark.parametrize("name", ["alice", "mallory", "mona", "oscar"])
def test_only_administrators_make_and_switch_policies(name: str) -> None:
    user = make_person(name)
    policy = services.create_policy_version(user=None, name="company", checks=[BLOCK], activate=False)
    with pytest.raises(ChatappError) as made:
        services.create_policy_version(user=user, name="mine", checks=[BLOCK], activate=True)
    with pytest.raises(ChatappError) as switched:
        services.change_policy_state(user=user, policy_id=policy.id, state="active", reason="Mine.")
    assert made.value.code == "forbidden"
    assert switched.value.code == ("forbidden" if name == "mona" else "not_found")
    assert active_policies().version == ""


def test_a_policy_version_cannot_be_changed_in_the_database(ada: User) -> None:
    policy = services.create_policy_version(user=ada, name="company", checks=[BLOCK], activate=True)
    with pytest.raises(IntegrityError, match="immutable"), transaction.atomic():
        PolicyVersion.objects.filter(id=policy.id).update(checks=[])
    ada.delete()
    policy.refresh_from_db()
    assert (policy.created_by, policy.checks) == (None, [BLOCK])


def test_an_exchange_is_recorded_once_with_verdicts_and_flags(alice: User) -> None:
    policy = services.create_policy_version(user=None, name="company", checks=[BLOCK], activate=True)
    found = [finding(policy_id=str(policy.id)), finding(Action.MASK), finding(Action.BLOCK, stage=Stage.OUTPUT)]
    first = record(alice, *found, original="say BLOCKM now")
    again = record(alice, *found, generation_id=first.generation_id, answer="other")
    assert again.answer == "No."
    assert Verdict.objects.filter(exchange=first).count() == 3
    excerpts = Flag.objects.filter(exchange=first).order_by("verdict__stage").values_list("excerpt", flat=True)
    assert list(excerpts) == ["the secret plan", "say BLOCKM now"]
    assert Verdict.objects.get(policy=policy).spans == [[4, 10]]


def test_what_a_policy_took_away_is_encrypted(alice: User) -> None:
    exchange = record(alice, finding(), original="the secret original")
    with connection.cursor() as cursor:
        cursor.execute("SELECT original FROM moderation_exchange WHERE generation_id = %s", [exchange.generation_id])
        (original,) = cursor.fetchone()
        cursor.execute("SELECT excerpt FROM moderation_flag WHERE exchange_id = %s", [exchange.generation_id])
        (excerpt,) = cursor.fetchone()
    assert "secret" not in original + excerpt
    assert Exchange.objects.get(pk=exchange.pk).original == "the secret original"


def test_a_stored_finding_holds_no_text() -> None:
    found = Finding("p", "words", Stage.INPUT, Action.BLOCK, Severity.LOW, ((0, 3),), excerpt="the secret")
    assert "secret" not in repr(found.as_dict())
    assert Finding.from_dict(found.as_dict()) == Finding(
        "p", "words", Stage.INPUT, Action.BLOCK, Severity.LOW, ((0, 3),)
    )


def test_a_reviewer_claims_and_decides(mona: User, flag: Flag) -> None:
    claimed = services.claim_flag(user=mona, flag_id=flag.id)
    assert (claimed.status, claimed.claimed_by) == (FlagStatus.CLAIMED, mona)
    assert list(selectors.list_flags_for(mona, "mine")) == [flag]
    decided = services.decide_flag(user=mona, flag_id=flag.id, decision="dismiss", reason=" False alarm. ")
    assert (decided.status, decided.decided_by, decided.reason) == (FlagStatus.DISMISSED, mona, "False alarm.")
    actions = AuditEvent.objects.order_by("at").values_list("action", flat=True)
    assert list(actions) == ["moderation.flag_claimed", "moderation.flag_decided"]
    with pytest.raises(ChatappError, match="decided already"):
        services.claim_flag(user=mona, flag_id=flag.id)
    with pytest.raises(ChatappError, match="decided already"):
        services.decide_flag(user=mona, flag_id=flag.id, decision="uphold", reason="Changed my mind.")


def test_a_claimed_flag_is_not_open_to_another_reviewer_until_the_claim_runs_out(
    mona: User, rita: User, flag: Flag
) -> None:
    services.claim_flag(user=mona, flag_id=flag.id)
    assert not selectors.list_flags_for(rita, "open")
    with pytest.raises(ChatappError, match="mona is reviewing this flag"):
        services.claim_flag(user=rita, flag_id=flag.id)
    with pytest.raises(ChatappError, match="mona is reviewing this flag"):
        services.decide_flag(user=rita, flag_id=flag.id, decision="uphold", reason="Mine.")
    Flag.objects.update(claimed_until=timezone.now())
    assert list(selectors.list_flags_for(rita, "open")) == [flag]
    assert services.claim_flag(user=rita, flag_id=flag.id).claimed_by == rita
    with pytest.raises(ChatappError, match="rita is reviewing this flag"):
        services.decide_flag(user=mona, flag_id=flag.id, decision="uphold", reason="Late.")


def test_a_claim_that_ran_out_still_decides_if_nobody_took_over(mona: User, flag: Flag) -> None:
    services.claim_flag(user=mona, flag_id=flag.id)
    Flag.objects.update(claimed_until=timezone.now())
    assert services.decide_flag(user=mona, flag_id=flag.id, decision="uphold", reason="Yes.").status == "upheld"


@pytest.mark.parametrize(
    "decision,reason,words",
    [
        ("uphold", "  ", "give a reason"),
        ("uphold", "x" * 1001, "give a reason"),
        ("uphold", "a\0b", "give a reason"),
        ("delete", "Because.", "decision must be one of"),
    ],
)
def test_a_decision_needs_a_known_word_and_a_reason(
    mona: User, flag: Flag, decision: str, reason: str, words: str
) -> None:
    services.claim_flag(user=mona, flag_id=flag.id)
    with pytest.raises(ChatappError, match=words):
        services.decide_flag(user=mona, flag_id=flag.id, decision=decision, reason=reason)


def test_a_flag_must_be_claimed_before_it_is_decided(mona: User, flag: Flag) -> None:
    with pytest.raises(ChatappError, match="Claim this flag"):
        services.decide_flag(user=mona, flag_id=flag.id, decision="uphold", reason="Yes.")


@pytest.mark.parametrize("name", ["bob", "mallory", "oscar"])
def test_flags_and_policies_do_not_exist_for_those_who_do_not_review(name: str, flag: Flag) -> None:
    user = make_person(name)
    assert not selectors.list_flags_for(user)
    assert not selectors.list_policies_for(user)
    acts: list[Callable[[], object]] = [
        lambda: selectors.get_flag_for(user, flag.id),
        lambda: services.open_flag(user=user, flag_id=flag.id),
        lambda: services.claim_flag(user=user, flag_id=flag.id),
        lambda: services.decide_flag(user=user, flag_id=flag.id, decision="uphold", reason="Mine."),
    ]
    for act in acts:
        with pytest.raises(ChatappError) as refused:
            act()
        assert refused.value.code == "not_found"
    flag.refresh_from_db()
    assert flag.status == FlagStatus.OPEN
    assert not AuditEvent.objects.exists()


def test_reading_a_flag_is_an_audit_event(mona: User, alice: User) -> None:
    plain, withheld = flag_of(record(alice, finding())), flag_of(record(alice, finding(), original="secret"))
    services.open_flag(user=mona, flag_id=plain.id)
    services.open_flag(user=mona, flag_id=withheld.id)
    events = AuditEvent.objects.order_by("at").values_list("action", "actor", "object_id")
    assert list(events) == [
        ("moderation.flag_read", mona.pk, str(plain.id)),
        ("moderation.original_read", mona.pk, str(withheld.id)),
    ]
    assert "secret" not in str(list(AuditEvent.objects.values()))


@pytest.mark.parametrize("filters", [{"status": "all"}, {"status": "open", "severity": "worst"}])
def test_an_unknown_filter_is_refused(mona: User, filters: dict[str, str]) -> None:
    with pytest.raises(ChatappError, match="must be one of"):
        selectors.list_flags_for(mona, filters["status"], severity=filters.get("severity"))


@pytest.mark.django_db(transaction=True)
def test_of_reviewers_who_claim_at_once_one_wins(mona: User, rita: User, alice: User) -> None:
    flag_ids = [flag_of(record(alice, finding())).id for _ in range(5)]
    gate = threading.Barrier(4)
    results: list[tuple[UUID, UUID | str | None]] = []

    def claim_all(user: User) -> None:
        try:
            for flag_id in flag_ids:
                gate.wait(timeout=20)
                try:
                    results.append((flag_id, services.claim_flag(user=user, flag_id=flag_id).claimed_by_id))
                except ChatappError as error:
                    results.append((flag_id, error.code))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=claim_all, args=(user,)) for user in (mona, rita, make_person("ada"), alice)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    for flag_id in flag_ids:
        outcomes = [outcome for claimed, outcome in results if claimed == flag_id]
        winners = [outcome for outcome in outcomes if not isinstance(outcome, str)]
        assert winners == [Flag.objects.get(id=flag_id).claimed_by_id]
        assert sorted(map(str, set(outcomes) - set(winners))) == ["flag_taken", "not_found"]
