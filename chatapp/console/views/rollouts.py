"""Rollouts: the list, the story of one, and what a person does with it."""

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import trigger_client_event

from chatapp.accounts.permissions import can
from chatapp.api.lists import ListQuery, page_of
from chatapp.console.access import ConsoleRequest, console_page, tabs_for
from chatapp.console.read_models.guards import guard_rows, paired_rows
from chatapp.console.read_models.rollout_story import arm_rows, ending_of, last_figures, stage_bars, step_rows
from chatapp.console.read_models.rollouts import RolloutRow, actions_for, rollout_row, verdict_of
from chatapp.console.selectors import find_endings, list_failed_answers, search_rollouts_for
from chatapp.errors import ChatappError
from chatapp.evaluation.selectors import comparisons_of, shadow_figures
from chatapp.inference import services
from chatapp.inference.models import LIVE_ROLLOUT, Rollout, RolloutKind, RolloutState
from chatapp.inference.selectors import get_rollout_for

PAGE_SIZE = 30
MAX_LIVE = 100
STATES = [("live", "Running and held"), *RolloutState.choices]
MOVES: dict[str, Callable[..., Rollout]] = {
    "advance": services.advance_rollout,
    "hold": services.hold_rollout,
    "resume": services.resume_rollout,
    "roll_back": services.roll_back_rollout,
    "complete": services.complete_rollout,
    "end": services.end_rollout,
}


@require_GET
@console_page("inference.view_rollout")
def list_rollouts(request: ConsoleRequest) -> HttpResponse:
    search = {name: request.GET.get(name, "").strip()[:100] for name in ("state", "route", "version")}
    if any("\0" in value for value in search.values()):
        raise ChatappError("invalid", detail="a condition is a text.")
    query = ListQuery(limit=PAGE_SIZE, cursor=request.GET.get("cursor", "")[:200])
    found = search_rollouts_for(request.user, **search)
    over = page_of(found.exclude(state__in=LIVE_ROLLOUT), query, lambda rollout: rollout)
    live = [] if query.cursor else list(found.filter(state__in=LIVE_ROLLOUT)[:MAX_LIVE])
    context = {
        "rows": _rows(request, live, over.items),
        "may_manage": can(request.user, "inference.manage_rollout"),
        "next": over.next,
        "search": search,
        "states": STATES,
    }
    template = "console/_rollouts.html" if request.htmx else "console/rollouts.html"
    return render(request, template, {"tabs": tabs_for(request), **context})


def _rows(request: ConsoleRequest, live: list[Rollout], over: list[Rollout]) -> list[RolloutRow]:
    may_manage, endings = can(request.user, "inference.manage_rollout"), find_endings(over)
    return [rollout_row(rollout, may_manage=may_manage, ending=endings.get(rollout.pk)) for rollout in (*live, *over)]


@require_GET
@console_page("inference.view_rollout")
def show_rollout(request: ConsoleRequest, rollout_id: UUID) -> HttpResponse:
    context = _story(request, get_rollout_for(request.user, rollout_id))
    template = "console/_rollout.html" if request.htmx else "console/rollout.html"
    return render(request, template, {"tabs": tabs_for(request), **context})


def _story(request: ConsoleRequest, rollout: Rollout) -> dict[str, object]:
    steps = list(rollout.steps.select_related("actor"))
    verdict = verdict_of(rollout) or last_figures(steps)
    may_manage = can(request.user, "inference.manage_rollout")
    ending = steps[-1] if steps and not rollout.is_live else None
    return {
        "row": rollout_row(rollout, may_manage=may_manage, ending=ending),
        "rollout": rollout,
        "verdict": verdict,
        "ending": ending_of(rollout, steps),
        "stages": stage_bars(rollout, verdict),
        "arms": arm_rows(rollout, verdict),
        "guards": guard_rows(rollout, verdict),
        "steps": step_rows(rollout, steps),
        "failed": list_failed_answers(rollout),
        "may_see_audit": can(request.user, "accounts.view_audit"),
        **_beside(request, rollout),
    }


def _beside(request: ConsoleRequest, rollout: Rollout) -> dict[str, object]:
    """What else compares its two versions: unseen answers, and votes of people who saw both."""
    found: dict[str, object] = {}
    if rollout.kind == RolloutKind.SHADOW:
        shadow = shadow_figures(rollout)
        found |= {"shadow": shadow, "paired": paired_rows(shadow.guards)}
    if can(request.user, "evaluation.view_gate"):
        found["comparisons"] = comparisons_of(rollout)
        found["may_compare"] = can(request.user, "evaluation.manage_comparison")
    return found


@require_POST
@console_page("inference.manage_rollout")
def move_rollout(request: ConsoleRequest, rollout_id: UUID, move: str) -> HttpResponse:
    """`stage` is the one that the person saw: a rollout that has advanced since is not advanced again."""
    rollout = get_rollout_for(request.user, rollout_id)
    if move not in MOVES:
        raise ChatappError("not_found")
    said = next((action.said for action in actions_for(rollout) if action.move == move), "")
    seen = {"from_stage": _stage(request.POST.get("stage", ""))} if move == "advance" else {}
    try:
        MOVES[move](user=request.user, rollout=rollout, reason=request.POST.get("reason", ""), **seen)
    except ChatappError as error:
        if error.status not in {400, 409}:
            raise
        return _after(request, rollout_id, error.message, status=error.status)
    return _after(request, rollout_id, said)


def _stage(seen: str) -> int:
    """Raises ChatappError("invalid")."""
    if not (seen.isdecimal() and len(seen) < 4):
        raise ChatappError("invalid", detail="stage must be the number of the stage that you saw.")
    return int(seen)


def _after(request: ConsoleRequest, rollout_id: UUID, said: str, *, status: int = 200) -> HttpResponse:
    """The page, or the row of the list where the button was; what was done is said, and why it was not stays."""
    if not request.htmx:
        (messages.success if status == 200 else messages.error)(request, said)
        return redirect("console_rollout", rollout_id=rollout_id)
    rollout = get_rollout_for(request.user, rollout_id)
    context: dict[str, object] = {"said": said, "refused": status != 200}
    # htmx names what it swaps as `article#rollout-…`.
    if (request.htmx.target or "").endswith(f"#rollout-{rollout_id}"):
        context["row"] = _rows(request, [], [rollout])[0]
        return _say(render(request, "console/_rollout_row.html", context, status=status), said)
    return _say(render(request, "console/_rollout.html", {**context, **_story(request, rollout)}, status=status), said)


def _say(response: HttpResponse, said: str) -> HttpResponse:
    """A refusal stands in what is swapped, and needs no second place."""
    return trigger_client_event(response, "toast", {"text": said}) if response.status_code == 200 else response
