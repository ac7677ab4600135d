"""The page of workers, and what operators tell them."""

from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from chatapp.accounts.permissions import can, require
from chatapp.console.access import ConsoleRequest, console_page, parse_id, tabs_for
from chatapp.console.read_models.workers import CONDITIONS, WorkerRow, overview, read_facts, worker_rows
from chatapp.console.selectors import list_workers_with_versions_for
from chatapp.conversations.services import eject_worker
from chatapp.errors import ChatappError
from chatapp.inference.models import OrderKind, WorkerKind
from chatapp.inference.selectors import get_version_for, get_worker_for, list_chat_versions
from chatapp.inference.services import order_worker
from chatapp.selectors import count_queued_by_route

_MOST_VERSIONS = 500
_SAID = {
    OrderKind.DRAIN: "{worker} claims nothing more. Its running answers finish.",
    OrderKind.RESUME: "{worker} answers again.",
    OrderKind.LOAD: "{worker} was told to load {version}.",
    OrderKind.UNLOAD: "{worker} was told to unload {version}.",
    OrderKind.EJECT: "{worker} is ejected. Its answers were given up and it was told to end.",
}


@require_GET
@console_page("inference.view_worker")
def list_workers(request: ConsoleRequest) -> HttpResponse:
    return _page(request)


@require_POST
@console_page("inference.view_worker")
def give_order(request: ConsoleRequest) -> HttpResponse:
    require(request.user, "inference.manage_worker")
    try:
        said = _order(request)
    except ChatappError as error:
        if error.status not in {400, 409}:
            raise
        return _after(request, error.message, status=error.status)
    return _after(request, said)


def _order(request: ConsoleRequest) -> str:
    given, user = request.POST, request.user
    if given.get("kind") not in OrderKind.values:
        raise ChatappError("invalid", detail=f"kind is one of {', '.join(OrderKind.values)}.")
    kind, worker = OrderKind(given["kind"]), get_worker_for(user, given.get("worker", ""))
    version = get_version_for(user, parse_id(given["version"])) if given.get("version") else None
    confirmed = given.get("confirmed") == "1"
    if kind == OrderKind.EJECT:
        eject_worker(user=user, worker=worker, confirmed=confirmed)
    else:
        order_worker(user=user, worker=worker, kind=kind, version=version, confirmed=confirmed)
    return _SAID[kind].format(worker=worker.name, version=version.name if version else "")


def _after(request: ConsoleRequest, said: str, *, status: int = 200) -> HttpResponse:
    """The workers as they stand now; a refusal is said above them."""
    if not request.htmx:
        (messages.success if status == 200 else messages.error)(request, said)
        return redirect("console_workers")
    return _page(request, said=said, status=status)


def _page(request: ConsoleRequest, *, said: str = "", status: int = 200) -> HttpResponse:
    search = {name: request.GET.get(name, "")[:100] for name in ("kind", "state", "version")}
    workers = list_workers_with_versions_for(request.user)
    facts = read_facts(request.user, workers)
    rows = worker_rows(user=request.user, workers=workers, facts=facts)
    waiting = sum(count_queued_by_route().values())
    context = {
        "rows": [row for row in rows if _meets(row, search)],
        "overview": overview(rows, waiting=waiting),
        "figures_missing": facts.figures is None,
        "search": search,
        "query": urlencode({name: value for name, value in search.items() if value}),
        "said": said,
        "refused": status != 200,
    }
    if request.htmx:
        return render(request, "console/_workers.html", context, status=status)
    return render(request, "console/workers.html", {**context, **_choices(request, rows)}, status=status)


def _choices(request: ConsoleRequest, rows: list[WorkerRow]) -> dict[str, object]:
    """Of the forms around the list, which stay as they are while it renews itself."""
    may_order = can(request.user, "inference.manage_worker")
    orderable = [row.worker.name for row in rows if may_order and row.condition not in {"gone", "ejected"}]
    return {
        "tabs": tabs_for(request),
        "kinds": WorkerKind.choices,
        "states": CONDITIONS.items(),
        "loaders": [name for name in orderable if name.startswith(WorkerKind.INFERENCE)],
        "versions": list_chat_versions()[:_MOST_VERSIONS] if orderable else [],
    }


def _meets(row: WorkerRow, search: dict[str, str]) -> bool:
    names = {str(model.version) for model in row.models} | {*row.loading, *row.can_answer}
    return (
        search["kind"] in {"", row.worker.kind}
        and search["state"] in {"", row.condition}
        and (not search["version"] or any(search["version"].lower() in name.lower() for name in names))
    )
