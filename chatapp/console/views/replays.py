from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from chatapp.accounts.permissions import can
from chatapp.console.access import ConsoleRequest, console_page, go, tabs_for
from chatapp.console.read_models.policies import sample_rows
from chatapp.console.read_models.replays import check_panels, error_of, moved_rows, outcome_figures, released_rows
from chatapp.console.views.policies import PERIODS
from chatapp.errors import ChatappError
from chatapp.moderation import services
from chatapp.moderation.models import Replay
from chatapp.moderation.replay.selectors import get_replay_for, list_samples_for


@require_POST
@console_page("moderation.manage_policy")
def start(request: ConsoleRequest, policy_id: UUID) -> HttpResponse:
    now, with_remote = timezone.now(), request.POST.get("with_remote") == "1"
    since = now - _period(request.POST.get("days", ""))
    try:
        replay = services.start_replay(
            user=request.user, policy_id=policy_id, since=since, until=now, with_remote=with_remote
        )
    except ChatappError as error:
        _say_refusal(request, error)
        return go(request, "console_policy", policy_id=policy_id)
    return go(request, "console_replay", replay_id=replay.pk)


@require_GET
@console_page("moderation.view_policy")
def show(request: ConsoleRequest, replay_id: UUID) -> HttpResponse:
    replay = get_replay_for(request.user, replay_id)
    context = {"replay": replay, "error": error_of(replay), "may_change": can(request.user, "moderation.manage_policy")}
    if not replay.is_live:
        context |= _result(request, replay)
    template = "console/_replay.html" if request.htmx else "console/replay.html"
    return render(request, template, {"tabs": tabs_for(request), **context})


@require_POST
@console_page("moderation.manage_policy")
def cancel(request: ConsoleRequest, replay_id: UUID) -> HttpResponse:
    return _act(request, replay_id, lambda: services.cancel_replay(user=request.user, replay_id=replay_id))


@require_POST
@console_page("moderation.manage_policy")
def resume(request: ConsoleRequest, replay_id: UUID) -> HttpResponse:
    return _act(request, replay_id, lambda: services.resume_replay(user=request.user, replay_id=replay_id))


@require_POST
@console_page("moderation.manage_policy")
def make_draft(request: ConsoleRequest, replay_id: UUID) -> HttpResponse:
    try:
        number, threshold = int(request.POST.get("check", "")), float(request.POST.get("threshold", ""))
    except ValueError:
        raise ChatappError("invalid", detail="check and threshold must be numbers.") from None
    draft = services.draft_with_threshold(
        user=request.user, replay_id=replay_id, check_number=number, threshold=threshold
    )
    messages.success(request, f"{draft} is made, a draft with that threshold. It does nothing yet.")
    return go(request, "console_policy", policy_id=draft.pk)


def _period(days: str) -> timedelta:
    if days not in {str(choice) for choice in PERIODS}:
        raise ChatappError("invalid", detail=f"days must be one of {', '.join(map(str, PERIODS))}.")
    return timedelta(days=int(days))


def _result(request: ConsoleRequest, replay: Replay) -> dict[str, object]:
    samples = {which: list_samples_for(request.user, replay, which) for which in ("newly", "released")}
    services.record_samples_shown(
        user=request.user, obj=replay, samples=[one for kind in samples.values() for one in kind]
    )
    chosen = {"check": request.GET.get("check", ""), "threshold": request.GET.get("threshold", "")}
    return {
        "figures": outcome_figures(replay),
        "moved": moved_rows(replay),
        "released_by": released_rows(replay),
        "panels": check_panels(replay, **chosen),
        "samples": {which: sample_rows(rows) for which, rows in samples.items()},
        "may_review": can(request.user, "moderation.review_flag"),
    }


def _act(request: ConsoleRequest, replay_id: UUID, act: Callable[[], Replay]) -> HttpResponse:
    try:
        act()
    except ChatappError as error:
        _say_refusal(request, error)
    return go(request, "console_replay", replay_id=replay_id)


def _say_refusal(request: ConsoleRequest, error: ChatappError) -> None:
    """What the person can do something about; anything else is an error page."""
    if error.status not in {400, 409}:
        raise error
    messages.error(request, error.message)
