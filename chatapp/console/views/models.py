from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from chatapp.console.access import ConsoleRequest, console_page, tabs_for
from chatapp.console.read_models.versions import version_rows
from chatapp.inference.selectors import get_version_for, list_workers_for
from chatapp.inference.services import set_serving_version


@require_GET
@console_page("inference.view_version")
def list_models(request: ConsoleRequest) -> HttpResponse:
    return render(request, "console/models.html", {"tabs": tabs_for(request), **_state(request)})


@require_GET
@console_page("inference.view_worker")
def list_workers(request: ConsoleRequest) -> HttpResponse:
    template = "console/_workers.html" if request.htmx else "console/workers.html"
    return render(request, template, {"tabs": tabs_for(request), "workers": list_workers_for(request.user)})


@require_POST
@console_page("inference.serve_version")
def serve(request: ConsoleRequest, version_id: UUID) -> HttpResponse:
    version = get_version_for(request.user, version_id)
    set_serving_version(user=request.user, version=version)
    if not request.htmx:
        return redirect("console_models")
    said = f"{version.name} now answers new questions. Running answers finish on the version that they started with."
    return render(request, "console/_versions.html", {**_state(request), "said": said})


def _state(request: ConsoleRequest) -> dict[str, object]:
    workers = list(list_workers_for(request.user))
    return {"versions": version_rows(user=request.user, workers=workers), "workers": workers}
