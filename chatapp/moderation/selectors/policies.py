from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can
from chatapp.errors import ChatappError
from chatapp.inference.models import ModelVersion
from chatapp.moderation.models import PolicyState, PolicyVersion

IN_FORCE = (PolicyState.ACTIVE, PolicyState.SHADOW)


def list_versions_in_force() -> list[PolicyVersion]:
    """Active and shadow, for the product itself; by name, so that the order is stable."""
    return list(PolicyVersion.objects.filter(state__in=IN_FORCE).defer("checks").order_by("name", "number"))


def list_policies_that_ask(version: ModelVersion) -> list[str]:
    """Those in force whose checks need the moderation service that it is, in words."""
    asked = PolicyVersion.objects.filter(state__in=IN_FORCE, checks__contains=[{"version": version.name}])
    return [f"policy {policy}" for policy in asked.defer("checks").order_by("name", "number")]


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
