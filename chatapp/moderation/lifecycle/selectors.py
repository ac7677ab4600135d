"""Versions of a policy over time: who moved them, which came before, and what one of them would need."""

from collections.abc import Sequence

from django.contrib.auth.models import Group
from django.db.models import QuerySet

from chatapp.inference.selectors import is_route_name
from chatapp.moderation.checks.check import Check
from chatapp.moderation.models import PolicyChange, PolicyState, PolicyVersion


def list_changes(policy: PolicyVersion) -> QuerySet[PolicyChange]:
    """Newest first, of a version that the caller may see."""
    return policy.changes.select_related("actor")


def get_version_before(policy: PolicyVersion) -> PolicyVersion | None:
    """The version of the same name that was active last, other than this one."""
    activations = PolicyChange.objects.filter(policy__name=policy.name, to_state=PolicyState.ACTIVE)
    last = activations.exclude(policy=policy).select_related("policy").first()
    return last.policy if last else None


def list_warnings(checks: Sequence[Check]) -> list[str]:
    """What does not hinder a version but makes a check of it find nothing: sentences for its author.

    A group may come with the next sign-in and a route with the next deployment, so neither is an error.
    """
    routes = {route for check in checks for route in check.scope.routes}
    groups = {group for check in checks for group in check.scope.groups}
    known_groups = set(Group.objects.filter(name__in=groups).values_list("name", flat=True))
    return [
        *(f"There is no route {route} yet." for route in sorted(routes) if not is_route_name(route)),
        *(f"There is no group {group} yet." for group in sorted(groups - known_groups)),
    ]
