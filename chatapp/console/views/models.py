from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from chatapp.console.access import ConsoleRequest, console_page, tabs_for
from chatapp.console.read_models.versions import current_states, version_rows
from chatapp.console.selectors import list_workers_with_versions_for
from chatapp.inference.selectors import get_version_for
from chatapp.inference.services import set_serving_version


@require_GET
@console_page("inference.view_version")
def list_models(request: ConsoleRequest) -> HttpResponse:
    return render(request, "console/models.html", {"tabs": tabs_for(request), **_rows(request)})


@require_GET
@console_page("inference.view_version")
def show_states(request: ConsoleRequest) -> HttpResponse:
    states = current_states(user=request.user, workers=list_workers_with_versions_for(request.user))
    return render(request, "console/_version_states.html", {"states": states})


@require_POST
@console_page("inference.serve_version")
def serve(request: ConsoleRequest, version_id: UUID) -> HttpResponse:
    version = get_version_for(request.user, version_id)
    set_serving_version(user=request.user, version=version)
    if not request.htmx:
        return redirect("console_models")
    said = f"{version.name} now answers new questions. Running answers finish on the version that they started with."
    return render(request, "console/_versions.html", {**_rows(request), "said": said})


def _rows(request: ConsoleRequest) -> dict[str, object]:
    return {"versions": version_rows(user=request.user, workers=list_workers_with_versions_for(request.user))}
