"""The states of a policy's versions: which follow which, who moved them, and what two at once become."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, connections, transaction

from chatapp.accounts.models import AuditEvent, User
from chatapp.errors import ChatappError
from chatapp.moderation import services
from chatapp.moderation.checks.schema import build_checks
from chatapp.moderation.lifecycle.faults import list_warnings
from chatapp.moderation.models import PolicyChange, PolicyState, PolicyVersion
from chatapp.moderation.policy import active_policies
from chatapp.moderation.services.policies import MOVES
from chatapp.moderation.tests.replaying import PATTERN, SCORED, make_policy, scored_kind

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def kind() -> Iterator[None]:
    with scored_kind():
        yield


def move(user: User, policy: PolicyVersion, state: str, reason: str = "Because.") -> PolicyVersion:
    return services.change_policy_state(user=user, policy_id=policy.pk, state=state, reason=reason)


@pytest.mark.parametrize("now", PolicyState.values)
@pytest.mark.parametrize("then", PolicyState.values)
def test_which_state_follows_which(ada: User, now: str, then: str) -> None:
    policy = make_policy(PATTERN)
    PolicyVersion.objects.update(state=now)
    allowed = {("draft", "shadow"), ("draft", "active"), ("shadow", "active"), ("shadow", "retired"),
               ("active", "retired"), ("retired", "shadow"), ("retired", "active")}  # fmt: skip
    assert {(one.value, other.value) for one, others in MOVES.items() for other in others} == allowed
    if now == then:
        assert move(ada, policy, then).state == now
        assert policy.changes.count() == 1
    elif (now, then) in allowed:
        assert move(ada, policy, then).state == then
        change = policy.changes.first()
        assert change is not None
        assert (change.from_state, change.to_state, change.actor, change.reason) == (now, then, ada, "Because.")
    else:
        with pytest.raises(ChatappError) as refused:
            move(ada, policy, then)
        assert refused.value.code == "policy_state"


def test_one_version_of_a_name_is_in_shadow_and_one_active(ada: User) -> None:
    first, second, other = make_policy(PATTERN), make_policy(SCORED), make_policy(PATTERN, name="legal")
    for policy in (first, other, second):
        move(ada, policy, "shadow")
    states = dict(PolicyVersion.objects.values_list("pk", "state"))
    assert states == {first.pk: "retired", second.pk: "shadow", other.pk: "shadow"}
    assert PolicyChange.objects.get(policy=first, to_state="retired").reason == "Replaced by company@2."
    event = AuditEvent.objects.filter(action="moderation.policy_shadowed").latest("at")
    assert event.detail == {"policy": "company@2", "replaces": "company@1"}
    move(ada, second, "active")
    move(ada, first, "shadow")
    assert active_policies().version == "company@2"
    assert {check.policy_id for check in active_policies().checks if check.is_shadow} == {str(first.pk), str(other.pk)}
    for state in ("active", "shadow"):
        with pytest.raises(IntegrityError), transaction.atomic():
            PolicyVersion.objects.create(name="company", number=9, checks=[PATTERN], state=state)


def test_six_are_in_shadow_at_most(ada: User) -> None:
    for number in range(6):
        move(ada, make_policy(PATTERN, name=f"policy-{number}"), "shadow")
    with pytest.raises(ChatappError, match="6 policies are in shadow"):
        move(ada, make_policy(PATTERN, name="seventh"), "shadow")


@pytest.mark.parametrize("reason", ["", "  ", "x" * 1001, "a\0b", "\ud800"])
def test_a_move_needs_a_reason(ada: User, reason: str) -> None:
    with pytest.raises(ChatappError, match="give a reason"):
        move(ada, make_policy(PATTERN), "active", reason)
    assert active_policies().version == ""


def test_a_rollback_goes_to_what_was_active_before(ada: User) -> None:
    first, second, third = (make_policy(PATTERN, activate=number < 2) for number in range(3))
    move(ada, third, "shadow")
    move(ada, third, "active")
    assert services.roll_back_policy(user=ada, policy_id=third.pk, reason="Worse.") == second
    assert active_policies().version == "company@2"
    assert services.roll_back_policy(user=ada, policy_id=second.pk, reason="It was not.") == third
    move(ada, first, "active")
    move(ada, first, "retired")
    with pytest.raises(ChatappError) as retired:
        services.roll_back_policy(user=ada, policy_id=first.pk, reason="Gone.")
    assert retired.value.code == "changed_meanwhile"
    alone = make_policy(PATTERN, name="legal", activate=True)
    with pytest.raises(ChatappError) as nothing:
        services.roll_back_policy(user=ada, policy_id=alone.pk, reason="Before?")
    assert nothing.value.code == "policy_first"


def test_the_database_refuses_another_change_of_a_version(ada: User) -> None:
    policy = make_policy(PATTERN, activate=True)
    changes: list[dict[str, Any]] = [{"checks": []}, {"name": "other"}, {"number": 7}]
    for change in changes:
        with pytest.raises(IntegrityError, match="immutable"), transaction.atomic():
            PolicyVersion.objects.filter(pk=policy.pk).update(**change)
    assert move(ada, policy, "retired").checks == [PATTERN]


def test_a_version_may_name_what_does_not_exist_yet() -> None:
    Group.objects.create(name="engineering")
    checks = build_checks([{**PATTERN, "routes": ["far"], "groups": ["engineering", "newcomers"]}])
    assert list_warnings(checks) == ["There is no route far yet.", "There is no group newcomers yet."]
    assert list_warnings(build_checks([PATTERN])) == []


@pytest.mark.django_db(transaction=True)
def test_of_activations_at_once_the_last_one_stands(ada: User) -> None:
    policies = [make_policy(PATTERN) for _ in range(4)]
    gate = threading.Barrier(len(policies))
    problems: list[BaseException] = []

    def activate(policy: PolicyVersion) -> None:
        try:
            gate.wait(timeout=20)
            move(ada, policy, "active")
        except BaseException as problem:  # noqa: BLE001 - told by the test
            problems.append(problem)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=activate, args=(policy,)) for policy in policies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert problems == []
    last = PolicyChange.objects.filter(to_state="active").first()
    assert last is not None
    assert list(PolicyVersion.objects.filter(state="active")) == [last.policy]
    assert PolicyChange.objects.filter(to_state="active").count() == 4
    assert PolicyChange.objects.filter(from_state="active", to_state="retired").count() == 3
