from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from chatapp.accounts.permissions import can
from chatapp.console.access import ConsoleRequest, console_page, go, tabs_for
from chatapp.console.read_models.policies import check_lines, moves_of, policy_row, sample_rows
from chatapp.errors import ChatappError
from chatapp.moderation.checks.schema import build_checks
from chatapp.moderation.lifecycle.diff import diff_checks, diff_text, dump_checks
from chatapp.moderation.lifecycle.faults import list_warnings
from chatapp.moderation.lifecycle.selectors import (
    compare_shadow,
    get_version_before,
    list_changes,
    list_siblings,
    list_versions_for,
)
from chatapp.moderation.models import PolicyState, PolicyVersion
from chatapp.moderation.replay.looking import runs
from chatapp.moderation.replay.selectors import list_replays_for, list_shadow_samples_for
from chatapp.moderation.selectors import get_policy_for
from chatapp.moderation.services import change_policy_state, record_samples_shown, roll_back_policy

PAGE_SIZE = 30
REPLAYS_SHOWN = 20
PERIODS = (1, 7, 30, 90)
SHADOW_DAYS = {"1": 1, "7": 7}
SAID = {
    PolicyState.ACTIVE: "applies to new messages and answers now.",
    PolicyState.SHADOW: "is in shadow: it notes what it would do to new messages and answers, and does nothing.",
    PolicyState.RETIRED: "no longer applies.",
}


@require_GET
@console_page("moderation.view_policy")
def list_policies(request: ConsoleRequest) -> HttpResponse:
    page = Paginator(list_versions_for(request.user), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"page": page, "rows": [policy_row(policy) for policy in page], "may_change": _may_change(request)}
    return render(request, "console/policies.html", {"tabs": tabs_for(request), **context})


@require_GET
@console_page("moderation.view_policy")
def show_policy(request: ConsoleRequest, policy_id: UUID) -> HttpResponse:
    return _page(request, get_policy_for(request.user, policy_id))


@require_POST
@console_page("moderation.manage_policy")
def set_state(request: ConsoleRequest, policy_id: UUID) -> HttpResponse:
    state, reason = request.POST.get("state", ""), request.POST.get("reason", "")
    return _act(
        request,
        policy_id,
        lambda: change_policy_state(user=request.user, policy_id=policy_id, state=state, reason=reason),
    )


@require_POST
@console_page("moderation.manage_policy")
def roll_back(request: ConsoleRequest, policy_id: UUID) -> HttpResponse:
    reason = request.POST.get("reason", "")
    return _act(request, policy_id, lambda: roll_back_policy(user=request.user, policy_id=policy_id, reason=reason))


@require_GET
@console_page("moderation.view_policy")
def show_diff(request: ConsoleRequest, policy_id: UUID, other_id: UUID) -> HttpResponse:
    """From `other_id` to `policy_id`."""
    after, before = (get_policy_for(request.user, one) for one in (policy_id, other_id))
    context = {
        "before": before,
        "after": after,
        "changes": diff_checks(before.checks, after.checks),
        "lines": diff_text(before.checks, after.checks, names=(str(before), str(after))),
    }
    return render(request, "console/policy_diff.html", {"tabs": tabs_for(request), **context})


@require_GET
@console_page("moderation.view_policy")
def choose_diff(request: ConsoleRequest, policy_id: UUID) -> HttpResponse:
    try:
        other_id = UUID(request.GET.get("other", ""))
    except ValueError:
        raise ChatappError("invalid", detail="other must be the id of a version.") from None
    return redirect("console_policy_diff", policy_id=policy_id, other_id=other_id)


def _act(request: ConsoleRequest, policy_id: UUID, act: Callable[[], PolicyVersion]) -> HttpResponse:
    """A refusal that the person can do something about is said above the version as it stands now."""
    try:
        changed = act()
    except ChatappError as error:
        if error.status not in {400, 409}:
            raise
        policy = get_policy_for(request.user, policy_id)
        return _page(request, policy, refusal=error.message, reason=request.POST.get("reason", ""), status=error.status)
    messages.success(request, f"{changed} {SAID[PolicyState(changed.state)]}")
    return go(request, "console_policy", policy_id=changed.pk)


def _page(
    request: ConsoleRequest, policy: PolicyVersion, *, refusal: str = "", reason: str = "", status: int = 200
) -> HttpResponse:
    checks = build_checks(policy.checks)
    context = {
        "policy": policy,
        "checks": check_lines(policy.checks),
        "json": dump_checks(policy.checks),
        "changes": list_changes(policy),
        "siblings": list_siblings(policy),
        "warnings": list_warnings(checks),
        "may_change": _may_change(request),
        "moves": moves_of(policy),
        "before": get_version_before(policy) if policy.active else None,
        "replays": list_replays_for(request.user, policy.pk)[:REPLAYS_SHOWN],
        "periods": PERIODS,
        "has_remote": any(runs(one, with_remote=True) and not runs(one, with_remote=False) for one in checks),
        "refusal": refusal,
        "reason": reason,
        **(_shadow(request, policy) if policy.state == PolicyState.SHADOW else {}),
    }
    template = "console/_policy.html" if request.htmx else "console/policy.html"
    return render(request, template, {"tabs": tabs_for(request), **context}, status=status)


def _shadow(request: ConsoleRequest, policy: PolicyVersion) -> dict[str, object]:
    days = SHADOW_DAYS.get(request.GET.get("days", ""), 1)
    compared = compare_shadow(policy, days=days)
    added = list_shadow_samples_for(request.user, compared.samples["shadow"], is_shadow=True)
    ended = list_shadow_samples_for(request.user, compared.samples["active"], is_shadow=False)
    record_samples_shown(user=request.user, obj=policy, samples=[*added, *ended])
    return {"shadow": compared, "days": days, "added": sample_rows(added), "ended": sample_rows(ended)}


def _may_change(request: ConsoleRequest) -> bool:
    return can(request.user, "moderation.manage_policy")
