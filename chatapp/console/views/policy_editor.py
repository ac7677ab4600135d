from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from chatapp.console.access import ConsoleRequest, console_page, go, tabs_for
from chatapp.console.policy_drafts import PolicyDraft
from chatapp.console.read_models.policies import tried_rows
from chatapp.errors import ChatappError
from chatapp.moderation.client import try_draft
from chatapp.moderation.models import PolicyVersion
from chatapp.moderation.selectors import get_policy_for
from chatapp.moderation.services import create_policy_version


@require_http_methods(["GET", "POST"])
@console_page("moderation.manage_policy")
def edit_policy(request: ConsoleRequest) -> HttpResponse:
    """With `?from=` a new version of that one, without it the first of a new name."""
    base = _base(request)
    if request.method == "GET":
        return _form(request, PolicyDraft.of(base), base)
    draft = PolicyDraft.posted(request.POST, name=base.name if base else "")
    return _try(request, draft, base) if request.POST.get("act") == "try" else _save(request, draft, base)


def _save(request: ConsoleRequest, draft: PolicyDraft, base: PolicyVersion | None) -> HttpResponse:
    try:
        made = create_policy_version(
            user=request.user, name=draft.name, checks=draft.checks(), activate=False, reason=draft.reason
        )
    except ChatappError as error:
        return _refused(request, draft, base, error)
    messages.success(request, f"{made} is saved as a draft. It does nothing yet.")
    return go(request, "console_policy", policy_id=made.pk)


def _try(request: ConsoleRequest, draft: PolicyDraft, base: PolicyVersion | None) -> HttpResponse:
    try:
        tried, looked = try_draft(
            user=request.user, checks=draft.checks(), text=draft.sample, with_remote=draft.with_remote
        )
    except ChatappError as error:
        return _refused(request, draft, base, error)
    return _form(request, draft, base, tried=tried_rows(tried, draft.sample), no_worker=not looked)


def _refused(
    request: ConsoleRequest, draft: PolicyDraft, base: PolicyVersion | None, error: ChatappError
) -> HttpResponse:
    if error.code != "invalid":
        raise error
    detail = str(error.params["detail"])
    return _form(request, draft, base, error=detail[:1].upper() + detail[1:])


def _form(
    request: ConsoleRequest, draft: PolicyDraft, base: PolicyVersion | None, *, error: str = "", **context: object
) -> HttpResponse:
    shown = {"draft": draft, "base": base, "error": error, **context}
    template = "console/_policy_editor.html" if request.htmx else "console/policy_editor.html"
    return render(request, template, {"tabs": tabs_for(request), **shown}, status=400 if error else 200)


def _base(request: ConsoleRequest) -> PolicyVersion | None:
    """Raises ChatappError("not_found")."""
    given = request.GET.get("from", "")
    if not given:
        return None
    try:
        return get_policy_for(request.user, UUID(given))
    except ValueError:
        raise ChatappError("not_found") from None
