"""Release gates: all runs, one of them, two beside each other, and the company's pass marks."""

from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from chatapp.accounts.permissions import can
from chatapp.console.access import ConsoleRequest, console_page, go, parse_id, tabs_for
from chatapp.console.gate_forms import GateForm, marks_of
from chatapp.console.read_models.gates import AnswerFilter, answer_rows, change_rows, figure_rows, gate_rows, mark_rows
from chatapp.errors import ChatappError
from chatapp.evaluation import services
from chatapp.evaluation.models import GateRun, GateState, Suite
from chatapp.evaluation.selectors import current_marks, get_gate_for, list_answers_for, list_gates_for
from chatapp.inference.selectors import get_version_for, list_versions_for
from chatapp.retrieval.forms import parse_number
from chatapp.retrieval.selectors import list_evaluations_for

PAGE_SIZE = 30
ANSWERS_PER_PAGE = 50
OTHERS_OFFERED = 50
SEARCHES_SHOWN = 10
SHOWN = [("", "All"), ("failed", "Not passed"), *((suite.value, suite.label) for suite in Suite if suite != Suite.LOAD)]


@require_GET
@console_page("evaluation.view_gate")
def list_gates(request: ConsoleRequest) -> HttpResponse:
    search = {name: request.GET.get(name, "").strip()[:100] for name in ("version", "state")}
    page = Paginator(list_gates_for(request.user, **search), PAGE_SIZE).get_page(parse_number(request.GET.get("page")))
    context: dict[str, object] = {
        "page": page,
        "rows": gate_rows(page.object_list),
        "search": search,
        "query": urlencode(search),
        "states": GateState.choices,
    }
    if request.htmx:
        return render(request, "console/_gates.html", context)
    context |= {
        "tabs": tabs_for(request),
        "searches": list_evaluations_for(request.user)[:SEARCHES_SHOWN],
        "form": _form_for(request, search["version"]),
        "may_run": can(request.user, "evaluation.run_gate"),
    }
    return render(request, "console/gates.html", context)


@require_POST
@console_page("evaluation.run_gate")
def start(request: ConsoleRequest) -> HttpResponse:
    form = GateForm(request.POST, versions=_versions(request))
    if not form.is_valid():
        raise ChatappError("invalid", detail="choose a version, suites that there are, and numbers as marks.")
    version = get_version_for(request.user, form.cleaned_data["version"])
    try:
        run = services.run_gate(user=request.user, version=version, marks=form.marks(), suites=form.suites())
    except ChatappError as error:
        return _refuse(request, error, go(request, "console_evaluations"))
    return go(request, "console_evaluation", run_id=run.pk)


@require_GET
@console_page("evaluation.view_gate")
def show_gate(request: ConsoleRequest, run_id: UUID) -> HttpResponse:
    run = get_gate_for(request.user, run_id)
    shown = AnswerFilter.of(request.GET.get("show", ""))
    rows = [] if run.is_live else answer_rows(list_answers_for(request.user, run), shown)
    context = {
        "run": run,
        "marks": mark_rows(run),
        "figures": figure_rows(run),
        "answers": Paginator(rows, ANSWERS_PER_PAGE).get_page(parse_number(request.GET.get("page"))),
        "show": shown.value,
        "shown": SHOWN,
        "others": [] if run.is_live else _others(request, run),
        "may_run": can(request.user, "evaluation.run_gate"),
    }
    template = "console/_gate.html" if request.htmx else "console/gate.html"
    return render(request, template, {"tabs": tabs_for(request), **context})


@require_POST
@console_page("evaluation.run_gate")
def cancel(request: ConsoleRequest, run_id: UUID) -> HttpResponse:
    run = get_gate_for(request.user, run_id)
    try:
        services.cancel_gate(user=request.user, run=run)
    except ChatappError as error:
        return _refuse(request, error, go(request, "console_evaluation", run_id=run_id))
    messages.success(request, "The gate is cancelled. What it found so far stays.")
    return go(request, "console_evaluation", run_id=run_id)


@require_GET
@console_page("evaluation.view_gate")
def compare(request: ConsoleRequest, run_id: UUID) -> HttpResponse:
    after = get_gate_for(request.user, run_id)
    if "with" not in request.GET:
        return go(request, "console_evaluation", run_id=run_id)
    before = get_gate_for(request.user, parse_id(request.GET.get("with", "")))
    changes = change_rows(list_answers_for(request.user, before), list_answers_for(request.user, after))
    context = {
        "before": before,
        "after": after,
        "marks": list(zip(mark_rows(before, like=after), mark_rows(after, like=before), strict=True)),
        "changes": changes[:ANSWERS_PER_PAGE],
        "left_out": max(0, len(changes) - ANSWERS_PER_PAGE),
    }
    return render(request, "console/gate_comparison.html", {"tabs": tabs_for(request), **context})


@require_GET
@console_page("evaluation.view_gate")
def show_marks(request: ConsoleRequest) -> HttpResponse:
    context = {"marks": marks_of(current_marks()), "may_set": can(request.user, "evaluation.set_marks")}
    return render(request, "console/gate_marks.html", {"tabs": tabs_for(request), **context})


@require_POST
@console_page("evaluation.set_marks")
def set_marks(request: ConsoleRequest) -> HttpResponse:
    try:
        services.set_marks(user=request.user, marks=GateForm.read_marks(request.POST, with_empty=True))
    except ChatappError as error:
        return _refuse(request, error, go(request, "console_gate_marks"))
    messages.success(request, "The pass marks are saved. They count for gates that begin from now on.")
    return go(request, "console_gate_marks")


def _form_for(request: ConsoleRequest, name: str) -> GateForm:
    """With the version chosen whose runs are shown."""
    versions = _versions(request)
    chosen = next((key for key, label in versions if name and label.startswith(f"{name} (")), "")
    return GateForm(versions=versions, chosen=chosen)


def _versions(request: ConsoleRequest) -> list[tuple[str, str]]:
    """Those that answer and may still come into service."""
    found = [version for version in list_versions_for(request.user) if version.writes and version.state != "rejected"]
    return [(str(version.pk), f"{version.name} ({version.get_state_display()})") for version in found]


def _others(request: ConsoleRequest, run: GateRun) -> list[GateRun]:
    """To compare with, of the same version first."""
    found = list_gates_for(request.user).exclude(pk=run.pk).filter(state=GateState.COMPLETE)[:OTHERS_OFFERED]
    return sorted(found, key=lambda other: other.version_id != run.version_id)


def _refuse(request: ConsoleRequest, error: ChatappError, back: HttpResponse) -> HttpResponse:
    """What the person can do something about; anything else is an error page."""
    if error.status not in {400, 409}:
        raise error
    messages.error(request, error.message)
    return back
