"""The judge's turn: looks at what runs, keeps what it found, and does what it decided."""

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from django.utils import timezone

from chatapp.errors import ChatappError
from chatapp.inference.models import LIVE_ROLLOUT, AnswerOutcome, Rollout, RolloutKind, RolloutState
from chatapp.inference.rollouts.judge import Verdict, judge_rollout
from chatapp.inference.services.rollouts import advance_rollout, complete_rollout, hold_rollout, roll_back_rollout

# Without a new answer it looks this often: minutes pass, and thumbs and flags come late.
AT_LEAST_EVERY = timedelta(seconds=30)
LATE_ROW = timedelta(seconds=5)  # A row may be committed so long after the time that it bears.
LARGE = 20_000  # Answers: to sum up more of them every two seconds would be a load of its own.
_ACTIONS: dict[str, Callable[..., Rollout]] = {
    "advance": advance_rollout,
    "complete": complete_rollout,
    "roll_back": roll_back_rollout,
}

log = structlog.get_logger(__name__)


def judge_rollouts() -> int:
    """Each live rollout that has news. What goes wrong with one does not keep the others waiting.

    Returns how many it moved, held or rolled back.
    """
    live = Rollout.objects.filter(state__in=LIVE_ROLLOUT).exclude(kind=RolloutKind.SHADOW)
    moved = 0
    for rollout in live.select_related("baseline", "candidate"):
        if not _is_due(rollout, timezone.now()):
            continue
        try:
            moved += _judge(rollout)
        except ChatappError as error:  # A person was quicker.
            log.info("rollout_moved_meanwhile", rollout=str(rollout.id), reason=error.code)
        except Exception:
            log.exception("rollout_not_judged", rollout=str(rollout.id))
    return moved


def _is_due(rollout: Rollout, now: datetime) -> bool:
    if rollout.judged_at is None or now - rollout.judged_at >= AT_LEAST_EVERY:
        return True
    if rollout.verdict and sum(rollout.verdict["answers"].values()) > LARGE:
        return False
    return AnswerOutcome.objects.filter(rollout=rollout, created_at__gt=rollout.judged_at - LATE_ROW).exists()


def _judge(rollout: Rollout) -> bool:
    judged_at = timezone.now()
    verdict = judge_rollout(rollout)
    same = Rollout.objects.filter(pk=rollout.pk, state=rollout.state, stage=rollout.stage)
    if not same.update(verdict=verdict.as_dict(), judged_at=judged_at):
        return False  # It has moved since it was read, so this is a verdict on something else.
    action = _action(rollout, verdict)
    if action is None:
        return False
    action(user=None, rollout=rollout, reason=verdict.reason, figures=verdict.as_dict())
    log.info(
        "rollout_judged",
        rollout=str(rollout.id),
        route=rollout.route_id,
        candidate=rollout.candidate.name,
        decision=verdict.decision,
        reason=verdict.reason,
    )
    return True


def _action(rollout: Rollout, verdict: Verdict) -> Callable[..., Rollout] | None:
    if verdict.asks_person and rollout.state == RolloutState.RUNNING:
        return hold_rollout
    return _ACTIONS.get(verdict.decision)
