from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can
from chatapp.errors import ChatappError
from chatapp.moderation.models import Flag, FlagStatus, PolicyState, PolicyVersion, Severity

DECIDED = (FlagStatus.UPHELD, FlagStatus.DISMISSED)


def list_versions_in_force() -> list[PolicyVersion]:
    """Active and shadow, for the product itself; by name, so that the order is stable."""
    in_force = (PolicyState.ACTIVE, PolicyState.SHADOW)
    return list(PolicyVersion.objects.filter(state__in=in_force).defer("checks").order_by("name", "number"))


def list_group_names(user: User) -> frozenset[str]:
    return frozenset(user.groups.values_list("name", flat=True))


def get_checks(version_id: UUID) -> list[dict[str, Any]]:
    checks: list[dict[str, Any]] = PolicyVersion.objects.values_list("checks", flat=True).get(id=version_id)
    return checks


def list_policies_for(user: User) -> QuerySet[PolicyVersion]:
    policies = PolicyVersion.objects.select_related("created_by")
    return policies if can(user, "moderation.view_policy") else policies.none()


def list_flags_for(user: User, status: str | None = None, *, severity: str | None = None) -> QuerySet[Flag]:
    """`status` is a FlagStatus, "mine" (claimed by this user), "decided", or None for all.

    A claim that ran out counts as open. Raises ChatappError("invalid") for other values.
    """
    flags = Flag.objects.select_related("exchange", "exchange__user", "verdict", "verdict__policy", "claimed_by")
    if not can(user, "moderation.review_flag"):
        return flags.none()
    if severity is not None:
        if severity not in Severity.values:
            raise ChatappError("invalid", detail=f"severity must be one of {', '.join(Severity.values)}.")
        flags = flags.filter(severity=severity)
    if status is None:
        return flags
    expired = Q(status=FlagStatus.CLAIMED, claimed_until__lt=Now())
    conditions = {
        **{one: Q(status=one) for one in FlagStatus.values},
        FlagStatus.OPEN: Q(status=FlagStatus.OPEN) | expired,
        FlagStatus.CLAIMED: Q(status=FlagStatus.CLAIMED) & ~expired,
        "mine": Q(status=FlagStatus.CLAIMED, claimed_by=user),
        "decided": Q(status__in=DECIDED),
    }
    if status not in conditions:
        raise ChatappError("invalid", detail=f"status must be one of {', '.join(conditions)}.")
    return flags.filter(conditions[status])


def count_flags(generation_id: UUID) -> int:
    """For the outcome of an answer; says nothing of what was flagged."""
    return Flag.objects.filter(exchange_id=generation_id).count()


def get_flag_for(user: User, flag_id: UUID) -> Flag:
    """Raises ChatappError("not_found")."""
    flag = list_flags_for(user).select_related("decided_by").filter(id=flag_id).first()
    if flag is None:
        raise ChatappError("not_found")
    return flag


def get_policy_for(user: User, policy_id: UUID) -> PolicyVersion:
    """Raises ChatappError("not_found")."""
    policy = list_policies_for(user).filter(id=policy_id).first()
    if policy is None:
        raise ChatappError("not_found")
    return policy
