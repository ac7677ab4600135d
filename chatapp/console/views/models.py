from urllib.parse import urlsplit
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from chatapp.console.access import ConsoleRequest, console_page, go, tabs_for
from chatapp.console.read_models.versions import current_standings, version_rows
from chatapp.console.selectors import MAX_VERSIONS, list_workers_with_versions_for
from chatapp.console.source_forms import KINDS, LABELS
from chatapp.errors import ChatappError
from chatapp.inference.models import VersionState
from chatapp.inference.selectors import get_version_for
from chatapp.inference.services import register_version, retry_version, set_serving_version


@require_GET
@console_page("inference.view_version")
def list_models(request: ConsoleRequest) -> HttpResponse:
    context = {"states": VersionState.choices, "most": MAX_VERSIONS, **_rows(request, request.GET)}
    return render(request, "console/models.html", {"tabs": tabs_for(request), **context})


@require_GET
@console_page("inference.view_version")
def show_states(request: ConsoleRequest) -> HttpResponse:
    standings = current_standings(user=request.user, workers=list_workers_with_versions_for(request.user))
    return render(request, "console/_version_states.html", {"standings": standings})


@require_POST
@console_page("inference.serve_version")
def serve(request: ConsoleRequest, version_id: UUID) -> HttpResponse:
    version = get_version_for(request.user, version_id)
    said = f"{version.name} now answers new questions. Running answers finish on the version that they started with."
    try:
        set_serving_version(user=request.user, version=version, override=request.POST.get("override", ""))
    except ChatappError as error:
        if error.status not in {400, 409}:
            raise
        return _after(request, error.message, status=error.status)
    return _after(request, said)


def _after(request: ConsoleRequest, said: str, *, status: int = 200) -> HttpResponse:
    """The versions as they stand now. A refusal because of the data policy is shown above them."""
    if not request.htmx or (request.htmx.target or "").endswith("#serve"):  # The card of a version shows no list.
        (messages.success if status == 200 else messages.error)(request, said)
        return go(request, "console_models")
    shown = QueryDict(urlsplit(request.htmx.current_url or "").query)  # The list stays as it was filtered.
    context = {**_rows(request, shown), "said": said, "refused": status != 200}
    return render(request, "console/_versions.html", context, status=status)


def _rows(request: ConsoleRequest, given: QueryDict) -> dict[str, object]:
    search = {name: given.get(name, "").strip()[:100] for name in ("text", "state")}
    if any("\0" in value for value in search.values()):
        raise ChatappError("invalid", detail="a condition is a text.")
    workers = list_workers_with_versions_for(request.user)
    return {"versions": version_rows(user=request.user, workers=workers, **search), "search": search}


@sensitive_post_parameters("key", "secret")
@require_http_methods(["GET", "POST"])
@console_page("inference.register_version")
def register(request: ConsoleRequest) -> HttpResponse:
    kind = request.GET.get("kind", "own")
    if kind not in KINDS:
        raise ChatappError("not_found")
    form = KINDS[kind](request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            version = register_version(user=request.user, **form.arguments())
        except ChatappError as error:
            if error.status not in {400, 409}:
                raise
            form.refuse(error)
        else:
            messages.success(
                request, f"{version.name} is registered. It answers nobody until it is served or routed to."
            )
            return redirect("console_models")
    context = {"tabs": tabs_for(request), "form": form, "kind": kind, "kinds": LABELS}
    return render(request, "console/register.html", context, status=400 if form.errors else 200)


@require_POST
@console_page("inference.serve_version")
def retry(request: ConsoleRequest, version_id: UUID) -> HttpResponse:
    version = get_version_for(request.user, version_id)
    retry_version(user=request.user, version=version)
    return _after(request, f"The workers try {version.name} again.")
