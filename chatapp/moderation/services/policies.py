import re
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Max

from chatapp.accounts.models import User
from chatapp.accounts.permissions import require
from chatapp.accounts.services import record_event
from chatapp.errors import ChatappError
from chatapp.moderation.checks.schema import build_checks
from chatapp.moderation.models import PolicyState, PolicyVersion
from chatapp.moderation.selectors import get_policy_for

# Every stored answer names all active policies, so their names must fit together into one column.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,39}")
MAX_ACTIVE = 6
POLICY_LOCK = 7_301


@transaction.atomic
def create_policy_version(
    *, user: User | None, name: str, checks: list[dict[str, Any]], activate: bool
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
    build_checks(checks)
    _lock_policies()
    last = PolicyVersion.objects.filter(name=name).aggregate(last=Max("number"))["last"] or 0
    policy = PolicyVersion.objects.create(name=name, number=last + 1, checks=checks, created_by=user)
    record_event(
        actor=user,
        action="moderation.policy_created",
        obj=policy,
        detail={"policy": str(policy)},
        after={"checks": checks},
    )
    if activate:
        _activate(user=user, policy=policy)
    return policy


@transaction.atomic
def set_policy_active(*, user: User, policy_id: UUID, active: bool) -> PolicyVersion:
    """Holds from the next message and answer on. Raises ChatappError: not_found, forbidden, invalid."""
    policy = get_policy_for(user, policy_id)
    require(user, "moderation.manage_policy", policy)
    _lock_policies()
    policy.refresh_from_db()
    if active and not policy.active:
        _activate(user=user, policy=policy)
    elif policy.active and not active:
        policy.state = PolicyState.RETIRED
        policy.save(update_fields=["state"])
        record_event(
            actor=user,
            action="moderation.policy_deactivated",
            obj=policy,
            detail={"policy": str(policy)},
            before={"active": str(policy)},
            after={"active": ""},
        )
    return policy


def _activate(*, user: User | None, policy: PolicyVersion) -> None:
    replaced = PolicyVersion.objects.filter(name=policy.name, state=PolicyState.ACTIVE).first()
    PolicyVersion.objects.filter(name=policy.name, state=PolicyState.ACTIVE).update(state=PolicyState.RETIRED)
    if PolicyVersion.objects.filter(state=PolicyState.ACTIVE).count() >= MAX_ACTIVE:
        raise ChatappError(
            "invalid", detail=f"{MAX_ACTIVE} policies are active, which is the limit. Deactivate one first."
        )
    policy.state = PolicyState.ACTIVE
    policy.save(update_fields=["state"])
    record_event(
        actor=user,
        action="moderation.policy_activated",
        obj=policy,
        detail={"policy": str(policy)},
        before={"active": str(replaced or "")},
        after={"active": str(policy)},
    )


def _lock_policies() -> None:
    """Held until the transaction ends, so that numbers and the active versions are given out one at a time."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [POLICY_LOCK])
