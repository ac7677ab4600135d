from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from chatapp.accounts.permissions import can
from chatapp.api.lists import ListQuery, page_of
from chatapp.console.access import ConsoleRequest, console_page, tabs_for
from chatapp.moderation.models import PolicyState
from chatapp.moderation.selectors import list_policies_for
from chatapp.moderation.services import change_policy_state, roll_back_policy

PAGE_SIZE = 30
SAID = {
    PolicyState.ACTIVE: "applies to new messages and answers now.",
    PolicyState.SHADOW: "is in shadow: it notes what it would do to new messages and answers, and does nothing.",
    PolicyState.RETIRED: "no longer applies.",
}


@require_GET
@console_page("moderation.view_policy")
def list_policies(request: ConsoleRequest) -> HttpResponse:
    return render(request, "console/policies.html", {"tabs": tabs_for(request), **_state(request)})


@require_POST
@console_page("moderation.view_policy")
def set_state(request: ConsoleRequest, policy_id: UUID) -> HttpResponse:
    state, reason = request.POST.get("state", ""), request.POST.get("reason", "")
    policy = change_policy_state(user=request.user, policy_id=policy_id, state=state, reason=reason)
    messages.success(request, f"{policy} {SAID[policy.state]}")
    return redirect("console_policies")


@require_POST
@console_page("moderation.view_policy")
def roll_back(request: ConsoleRequest, policy_id: UUID) -> HttpResponse:
    policy = roll_back_policy(user=request.user, policy_id=policy_id, reason=request.POST.get("reason", ""))
    messages.success(request, f"{policy} {SAID[policy.state]}")
    return redirect("console_policies")


def _state(request: ConsoleRequest) -> dict[str, object]:
    query = ListQuery(limit=PAGE_SIZE, cursor=request.GET.get("cursor", "")[:200])
    page = page_of(list_policies_for(request.user), query, lambda policy: policy)
    return {"page": page, "may_change": can(request.user, "moderation.manage_policy")}
