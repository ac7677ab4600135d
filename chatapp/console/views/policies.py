from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from chatapp.accounts.permissions import can
from chatapp.api.lists import ListQuery, page_of
from chatapp.console.access import ConsoleRequest, console_page, tabs_for
from chatapp.moderation.selectors import list_policies_for
from chatapp.moderation.services import set_policy_active

PAGE_SIZE = 30


@require_GET
@console_page("moderation.view_policy")
def list_policies(request: ConsoleRequest) -> HttpResponse:
    return render(request, "console/policies.html", {"tabs": tabs_for(request), **_state(request)})


@require_POST
@console_page("moderation.view_policy")
def set_active(request: ConsoleRequest, policy_id: UUID) -> HttpResponse:
    active = request.POST.get("active") == "1"
    policy = set_policy_active(user=request.user, policy_id=policy_id, active=active)
    if not request.htmx:
        return redirect("console_policies")
    said = f"{policy} {'applies to new messages and answers now' if active else 'no longer applies'}."
    return render(request, "console/_policies.html", {**_state(request), "said": said})


def _state(request: ConsoleRequest) -> dict[str, object]:
    query = ListQuery(limit=PAGE_SIZE, cursor=request.GET.get("cursor", "")[:200])
    page = page_of(list_policies_for(request.user), query, lambda policy: policy)
    return {"page": page, "may_change": can(request.user, "moderation.manage_policy")}
