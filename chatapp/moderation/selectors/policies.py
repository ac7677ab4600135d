from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can
from chatapp.errors import ChatappError
from chatapp.moderation.models import PolicyState, PolicyVersion


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


def get_policy_for(user: User, policy_id: UUID) -> PolicyVersion:
    """Raises ChatappError("not_found")."""
    policy = list_policies_for(user).filter(id=policy_id).first()
    if policy is None:
        raise ChatappError("not_found")
    return policy
