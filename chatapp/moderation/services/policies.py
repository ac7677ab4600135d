import re
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Max

from chatapp.accounts.models import User
from chatapp.accounts.permissions import require
from chatapp.accounts.services import record_event
from chatapp.errors import ChatappError
from chatapp.moderation.checks.fields import is_storable
from chatapp.moderation.checks.remote import refuse_unknown_names
from chatapp.moderation.checks.schema import build_checks
from chatapp.moderation.lifecycle.selectors import get_version_before
from chatapp.moderation.models import PolicyChange, PolicyState, PolicyVersion
from chatapp.moderation.selectors import get_policy_for

# Every stored answer names all active policies, so their names must fit together into one column.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,39}")
MAX_ACTIVE = 6
MAX_SHADOW = 6
MAX_REASON_CHARACTERS = 1000
POLICY_LOCK = 7_301
# A draft that nobody wants any more stays one: it was never in force, so there is nothing to retire.
MOVES = {
    PolicyState.DRAFT: (PolicyState.SHADOW, PolicyState.ACTIVE),
    PolicyState.SHADOW: (PolicyState.ACTIVE, PolicyState.RETIRED),
    PolicyState.ACTIVE: (PolicyState.RETIRED,),
    PolicyState.RETIRED: (PolicyState.SHADOW, PolicyState.ACTIVE),
}


@transaction.atomic
def create_policy_version(
    *, user: User | None, name: str, checks: list[dict[str, Any]], activate: bool, reason: str = ""
) -> PolicyVersion:
    """The next immutable version under that name; activating it replaces the active one of the same name.

    `user` is None for the product's own set-up. Raises ChatappError: forbidden, invalid.
    """
    if user is not None:
        require(user, "moderation.manage_policy")
    if not NAME.fullmatch(name):
        raise ChatappError(
            "invalid", detail="name must be 1 to 40 letters, digits, spaces, dots, hyphens or underscores."
        )
    reason = _clean(reason)
    refuse_unknown_names(build_checks(checks))
    lock_policies()
    last = PolicyVersion.objects.filter(name=name).aggregate(last=Max("number"))["last"] or 0
    policy = PolicyVersion.objects.create(name=name, number=last + 1, checks=checks, created_by=user)
    PolicyChange.objects.create(policy=policy, to_state=policy.state, actor=user, reason=reason)
    record_event(
        actor=user,
        action="moderation.policy_created",
        obj=policy,
        reason=reason,
        detail={"policy": str(policy)},
        after={"checks": checks},
    )
    if activate:
        _activate(user=user, policy=policy, reason=reason)
    return policy


@transaction.atomic
def change_policy_state(*, user: User, policy_id: UUID, state: str, reason: str) -> PolicyVersion:
    """Holds from the next message and answer on. The version of that name that was in this state before is retired.

    Nothing happens if the version is in that state already. Raises ChatappError: not_found, forbidden, invalid,
    policy_state.
    """
    policy = get_policy_for(user, policy_id)
    require(user, "moderation.manage_policy", policy)
    if state not in PolicyState.values:
        raise ChatappError("invalid", detail=f"state must be one of {', '.join(PolicyState.values)}.")
    reason = _clean(reason, needed=True)
    lock_policies()
    policy.refresh_from_db(fields=["state"])
    if policy.state == state:
        return policy
    if state not in MOVES[PolicyState(policy.state)]:
        raise ChatappError("policy_state", policy=policy, now=policy.state, then=state)
    if state == PolicyState.ACTIVE:
        _activate(user=user, policy=policy, reason=reason)
    elif state == PolicyState.SHADOW:
        _shadow(user=user, policy=policy, reason=reason)
    else:
        _move(
            user=user, policy=policy, state=PolicyState.RETIRED, reason=reason, action="moderation.policy_deactivated"
        )
    return policy


@transaction.atomic
def roll_back_policy(*, user: User, policy_id: UUID, reason: str) -> PolicyVersion:
    """Activates the version of that name that was active before this one, which must be active. Returns it.

    Raises ChatappError: not_found, forbidden, invalid, changed_meanwhile (another one is active now), policy_first.
    """
    policy = get_policy_for(user, policy_id)
    require(user, "moderation.manage_policy", policy)
    reason = _clean(reason, needed=True)
    lock_policies()
    policy.refresh_from_db(fields=["state"])
    if not policy.active:
        raise ChatappError("changed_meanwhile")
    before = get_version_before(policy)
    if before is None:
        raise ChatappError("policy_first", policy=policy)
    _activate(user=user, policy=before, reason=reason)
    return before


def lock_policies() -> None:
    """Held until the transaction ends, so that numbers, states and replays are given out one at a time."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [POLICY_LOCK])


def _activate(*, user: User | None, policy: PolicyVersion, reason: str) -> None:
    replaced = _retire_current(user=user, policy=policy, state=PolicyState.ACTIVE)
    if PolicyVersion.objects.filter(state=PolicyState.ACTIVE).count() >= MAX_ACTIVE:
        raise ChatappError(
            "invalid", detail=f"{MAX_ACTIVE} policies are active, which is the limit. Deactivate one first."
        )
    _move(
        user=user,
        policy=policy,
        state=PolicyState.ACTIVE,
        reason=reason,
        action="moderation.policy_activated",
        replaced=replaced,
    )


def _shadow(*, user: User, policy: PolicyVersion, reason: str) -> None:
    replaced = _retire_current(user=user, policy=policy, state=PolicyState.SHADOW)
    if PolicyVersion.objects.filter(state=PolicyState.SHADOW).count() >= MAX_SHADOW:
        raise ChatappError(
            "invalid", detail=f"{MAX_SHADOW} policies are in shadow, which is the limit. Retire one first."
        )
    _move(
        user=user,
        policy=policy,
        state=PolicyState.SHADOW,
        reason=reason,
        action="moderation.policy_shadowed",
        replaced=replaced,
    )


def _retire_current(*, user: User | None, policy: PolicyVersion, state: PolicyState) -> PolicyVersion | None:
    """The other version of that name in that state, which is retired now; the event of the new one names it."""
    current = PolicyVersion.objects.filter(name=policy.name, state=state).exclude(pk=policy.pk).first()
    if current is not None:
        _set_state(current, PolicyState.RETIRED, user=user, reason=f"Replaced by {policy}.")
    return current


def _move(
    *,
    user: User | None,
    policy: PolicyVersion,
    state: PolicyState,
    reason: str,
    action: str,
    replaced: PolicyVersion | None = None,
) -> None:
    before = policy.state
    _set_state(policy, state, user=user, reason=reason)
    record_event(
        actor=user,
        action=action,
        obj=policy,
        reason=reason,
        detail={"policy": str(policy), "replaces": str(replaced or "")},
        before={"state": before},
        after={"state": state.value},
    )


def _set_state(policy: PolicyVersion, state: PolicyState, *, user: User | None, reason: str) -> None:
    PolicyChange.objects.create(
        policy=policy, from_state=policy.state, to_state=state, actor=user, reason=reason[:MAX_REASON_CHARACTERS]
    )
    policy.state = state
    policy.save(update_fields=["state"])


def _clean(reason: str, *, needed: bool = False) -> str:
    reason = reason.strip()
    if (needed and not reason) or len(reason) > MAX_REASON_CHARACTERS or not is_storable(reason):
        raise ChatappError("invalid", detail=f"give a reason of 1 to {MAX_REASON_CHARACTERS} characters.")
    return reason
