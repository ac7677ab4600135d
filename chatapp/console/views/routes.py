from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_http_methods

from chatapp.api.lists import ListQuery, page_of
from chatapp.console.access import ConsoleRequest, console_page, go, tabs_for
from chatapp.console.read_models.routes import describe, route_row
from chatapp.console.route_drafts import RefusedFieldError, RouteDraft, field_of
from chatapp.console.selectors import list_shown_versions_for
from chatapp.errors import ChatappError
from chatapp.inference.models import Rollout
from chatapp.inference.models.routes import RULE_TASKS
from chatapp.inference.selectors import get_route_for, is_route_name, list_routes_for, list_versions_for
from chatapp.inference.services import configure_route

PAGE_SIZE = 30


@require_GET
@console_page("inference.view_version")
def list_routes(request: ConsoleRequest) -> HttpResponse:
    query = ListQuery(limit=PAGE_SIZE, cursor=request.GET.get("cursor", "")[:200])
    page = page_of(list_routes_for(request.user), query, route_row, by="updated_at")
    return render(request, "console/routes.html", {"tabs": tabs_for(request), "page": page})


@require_http_methods(["GET", "POST"])
@console_page("inference.serve_version")
def edit_route(request: ConsoleRequest) -> HttpResponse:
    """Without `?name=` a new one. Each button posts the whole form with its own `action`."""
    name = request.GET.get("name", "")
    known = get_route_for(request.user, name) if name else None
    if request.method == "GET":
        return _form(request, RouteDraft.of(known) if known else RouteDraft(), rollout=known.rollout if known else None)
    draft, action = RouteDraft.posted(request.POST, name=name), request.POST.get("action", "save")
    if action == "save":
        return _save(request, draft)
    focus = "" if action == "preview" else draft.change(action)
    return _form(request, draft, focus=focus)


def _save(request: ConsoleRequest, draft: RouteDraft) -> HttpResponse:
    try:
        if not request.GET.get("name") and is_route_name(draft.name):
            raise ChatappError("exists", what=f"The route {draft.name}")  # noqa: TRY301 - shown as the service's own are
        configure_route(user=request.user, **draft.arguments())
    except RefusedFieldError as refusal:
        field, sentence = refusal.args
        return _form(request, draft, errors={field: sentence})
    except ChatappError as error:
        if error.code not in {"invalid", "exists", "not_evaluated", "rollout_running"}:
            raise
        detail = str(error.params.get("detail", ""))
        field = {"exists": "name", "not_evaluated": "override"}.get(error.code) or field_of(detail)
        return _form(request, draft, errors={field or "other": error.message if not detail else _sentence(detail)})
    messages.success(request, f"The route {draft.name} is saved. Questions that wait are answered by it.")
    return go(request, "console_routes")


def _form(
    request: ConsoleRequest,
    draft: RouteDraft,
    *,
    focus: str = "",
    errors: dict[str, str] | None = None,
    rollout: Rollout | None = None,
) -> HttpResponse:
    shown = [version.name for version in list_shown_versions_for(request.user)]
    leaving = set(list_versions_for(request.user).filter(may_leave_company=True).values_list("name", flat=True))
    context = {
        "draft": draft,
        "route_name": request.GET.get("name", ""),
        "errors": errors or {},
        "focus": focus,
        "rollout": rollout,
        "versions": [*shown, *sorted(draft.version_names() - set(shown))],
        "leaving": leaving,
        "tasks": [(task.value, task.label) for task in RULE_TASKS],
        "sentences": describe(draft, leaving=leaving),
    }
    template = "console/_route_form.html" if request.htmx else "console/route.html"
    return render(request, template, {"tabs": tabs_for(request), **context}, status=400 if errors else 200)


def _sentence(detail: str) -> str:
    """The service names fields as the API does."""
    words = detail.replace("_", " ")
    return words[0].upper() + words[1:]
