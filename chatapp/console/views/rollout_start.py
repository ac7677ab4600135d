from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from chatapp.accounts.permissions import can
from chatapp.console.access import ConsoleRequest, console_page, go, tabs_for
from chatapp.console.read_models.rollout_plans import candidates_for, describe, first_free, lacks_gate, routes_for
from chatapp.console.read_models.rollouts import KINDS
from chatapp.console.rollout_drafts import RolloutDraft
from chatapp.errors import ChatappError
from chatapp.inference.selectors import get_version_by_name
from chatapp.inference.services import start_rollout as begin


@require_http_methods(["GET", "POST"])
@console_page("inference.manage_rollout")
def start_rollout(request: ConsoleRequest) -> HttpResponse:
    """Each button posts the whole form with its own `action`; a change of a field asks for what follows from it."""
    if request.method == "GET":
        given = {name: request.GET.get(name, "")[:100] for name in ("route", "candidate")}
        given["route"] = given["route"] or first_free(routes_for(request.user))
        return _form(request, RolloutDraft.fresh(**given))
    draft, action = RolloutDraft.posted(request.POST), request.POST.get("action", "save")
    if action == "save":
        return _save(request, draft)
    return _form(request, draft, focus="" if action == "preview" else draft.change(action))


def _save(request: ConsoleRequest, draft: RolloutDraft) -> HttpResponse:
    try:
        if not draft.candidate:
            return _form(request, draft, refused="Choose the version to roll out.")
        candidate = get_version_by_name(draft.candidate)
        rollout = begin(user=request.user, candidate=candidate, override=draft.override, **draft.arguments())
    except ChatappError as error:
        if error.status not in {400, 404, 409, 503}:
            raise
        return _form(request, draft, refused=error.message)
    messages.success(request, f"The rollout of {candidate.name} has begun. This page follows it.")
    return go(request, "console_rollout", rollout_id=rollout.pk)


def _form(request: ConsoleRequest, draft: RolloutDraft, *, focus: str = "", refused: str = "") -> HttpResponse:
    candidates = candidates_for(request.user)
    context = {
        "draft": draft,
        "focus": focus,
        "refused": refused,
        "candidates": candidates,
        "routes": routes_for(request.user),
        "kinds": KINDS,
        "lacks_gate": lacks_gate(draft, candidates),
        "may_override": can(request.user, "inference.override_gate"),
        "sentences": describe(draft),
    }
    template = "console/_rollout_form.html" if request.htmx else "console/rollout_new.html"
    return render(request, template, {"tabs": tabs_for(request), **context}, status=400 if refused else 200)
