from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can
from chatapp.errors import ChatappError
from chatapp.moderation.models import Flag, FlagStatus, PolicyVersion

DECIDED = (FlagStatus.UPHELD, FlagStatus.DISMISSED)


def list_active_versions() -> list[PolicyVersion]:
    """For the product itself, which applies them to everybody; by name, so that the order is stable."""
    return list(PolicyVersion.objects.filter(active=True).defer("checks").order_by("name"))


def get_checks(version_id: UUID) -> list[dict[str, Any]]:
    checks: list[dict[str, Any]] = PolicyVersion.objects.values_list("checks", flat=True).get(id=version_id)
    return checks


def list_policies_for(user: User) -> QuerySet[PolicyVersion]:
    policies = PolicyVersion.objects.select_related("created_by")
    return policies if can(user, "moderation.view_policy") else policies.none()


def list_flags_for(user: User, status: str | None = None) -> QuerySet[Flag]:
    """`status` is a FlagStatus, "decided", or None for all. A claim that ran out counts as open."""
    flags = Flag.objects.select_related("exchange", "exchange__user", "verdict", "verdict__policy", "claimed_by")
    if not can(user, "moderation.review_flag"):
        return flags.none()
    if status is None:
        return flags
    if status == "decided":
        return flags.filter(status__in=DECIDED)
    expired = Q(status=FlagStatus.CLAIMED, claimed_until__lt=Now())
    if status == FlagStatus.OPEN:
        return flags.filter(Q(status=FlagStatus.OPEN) | expired)
    if status == FlagStatus.CLAIMED:
        return flags.filter(status=FlagStatus.CLAIMED).exclude(expired)
    if status in FlagStatus.values:
        return flags.filter(status=status)
    raise ChatappError("invalid", detail=f"status must be one of {', '.join([*FlagStatus.values, 'decided'])}.")


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
