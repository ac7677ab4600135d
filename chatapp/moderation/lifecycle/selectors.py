"""Versions of a policy over time: who moved them, which came before, and what one of them would need."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.auth.models import Group
from django.db.models import Count, Prefetch, QuerySet
from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.inference.selectors import is_route_name
from chatapp.moderation.checks.check import Check
from chatapp.moderation.models import Action, PolicyChange, PolicyState, PolicyVersion, Verdict
from chatapp.moderation.selectors import list_policies_for

# Texts that two versions object to, each: beyond that nobody compares by counting.
MAX_COMPARED = 50_000
MAX_SAMPLES = 10
MAX_ROWS = 100


def list_changes(policy: PolicyVersion) -> QuerySet[PolicyChange]:
    """Newest first, of a version that the caller may see."""
    return policy.changes.select_related("actor")


def get_version_before(policy: PolicyVersion) -> PolicyVersion | None:
    """The version of the same name that was active last, other than this one."""
    activations = PolicyChange.objects.filter(policy__name=policy.name, to_state=PolicyState.ACTIVE)
    last = activations.exclude(policy=policy).select_related("policy").first()
    return last.policy if last else None


def list_unknown_names(checks: Sequence[Check]) -> list[str]:
    """A sentence for each route and group of their scopes that does not exist."""
    routes = {route for check in checks for route in check.scope.routes}
    groups = {group for check in checks for group in check.scope.groups}
    known_groups = set(Group.objects.filter(name__in=groups).values_list("name", flat=True)) if groups else set()
    return [
        *(f"There is no route {route} yet." for route in sorted(routes) if not is_route_name(route)),
        *(f"There is no group {group} yet." for group in sorted(groups - known_groups)),
    ]


def list_versions_for(user: User) -> QuerySet[PolicyVersion]:
    """By name, newest first, with who moved them from state to state."""
    changes = Prefetch("changes", PolicyChange.objects.select_related("actor"))
    return list_policies_for(user).prefetch_related(changes).order_by("name", "-number")


def list_siblings(policy: PolicyVersion, *, limit: int = 50) -> list[PolicyVersion]:
    """The newest other versions of the same name."""
    others = PolicyVersion.objects.filter(name=policy.name).exclude(pk=policy.pk).defer("checks")
    return list(others.order_by("-number")[:limit])


@dataclass(frozen=True, slots=True)
class ShadowCount:
    check: str
    stage: str
    action: str
    found: int


@dataclass(frozen=True, slots=True)
class ShadowComparison:
    """Texts, a question or an answer each. `only_shadow` is what activating would add, `only_active` what it would end.

    `samples` are [exchange, stage] of both, a few.
    """

    since: datetime
    both: int
    only_shadow: int
    only_active: int
    shadow: list[ShadowCount]
    active: list[ShadowCount]
    samples: dict[str, list[tuple[UUID, str]]]


def compare_shadow(policy: PolicyVersion, *, days: int) -> ShadowComparison:
    """What a version in shadow found beside the active one of its name, from when it went there, `days` at most."""
    began = policy.changes.filter(to_state=PolicyState.SHADOW).values_list("created_at", flat=True).first()
    start = timezone.now() - timedelta(days=days)
    since = max(start, began) if began else start
    verdicts = Verdict.objects.filter(exchange__created_at__gte=since, failure="").exclude(action=Action.ALLOW)
    shadow = verdicts.filter(policy=policy, is_shadow=True)
    active = verdicts.filter(policy__name=policy.name, is_shadow=False)
    of_shadow, of_active = _texts(shadow), _texts(active)
    only_shadow, only_active = of_shadow - of_active, of_active - of_shadow
    return ShadowComparison(
        since=since,
        both=len(of_shadow & of_active),
        only_shadow=len(only_shadow),
        only_active=len(only_active),
        shadow=_counts(shadow),
        active=_counts(active),
        samples={"shadow": sorted(only_shadow)[:MAX_SAMPLES], "active": sorted(only_active)[:MAX_SAMPLES]},
    )


def _texts(verdicts: QuerySet[Verdict]) -> set[tuple[UUID, str]]:
    return set(verdicts.order_by().values_list("exchange", "stage").distinct()[:MAX_COMPARED])


def _counts(verdicts: QuerySet[Verdict]) -> list[ShadowCount]:
    rows = verdicts.values("check_name", "stage", "action").annotate(found=Count("exchange", distinct=True))
    ordered = rows.order_by("-found", "check_name", "stage").values_list("check_name", "stage", "action", "found")
    return [ShadowCount(*row) for row in ordered[:MAX_ROWS]]
