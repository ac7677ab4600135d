"""What a reader is told about an answer that did not simply end: what happened, and what to do."""

from dataclasses import dataclass

from chatapp.conversations.models import NO_MODEL, Status
from chatapp.errors import PROBLEMS


@dataclass(frozen=True, slots=True)
class Notice:
    kind: str  # "quiet", "warn" or "danger": the colour
    icon: str
    text: str
    can_retry: bool = False


_FAILURES = {
    "empty_answer": "The model ended without writing anything. Try again, or ask in other words.",
    "queue_timeout": "Nobody could start this answer in time: all workers were busy. Try again.",
    "database_away": "The database went away before the model could write anything, twice. Try again.",
    "worker_lost": "The model stopped before it could write anything. Try again.",
}
_FAILED = "The model could not answer. Try again in a minute; if it stays so, tell your administrator."
_INTERRUPTED = "The model stopped in the middle of this answer. What it had written is kept. Try again for a whole one."
_STOPPED = "You stopped this answer."
_STOPPED_EMPTY = "You stopped this answer before it began."
_SHORT = {  # Complete answers that end early, by their finish reason.
    "length": Notice(
        "quiet", "warn", "This answer has reached the longest length allowed and was cut here. Ask for the rest."
    ),
    "content_filter": Notice(
        "quiet", "shield", "A reviewer has released this answer. It ends where a rule had stopped it: ask for the rest."
    ),
}
_RETRACTED = "A reviewer has taken this answer back."


def notice_of(status: Status, error_code: str, text: str, *, finish_reason: str = "") -> Notice | None:
    """None while an answer runs, and when it is complete and was not cut.

    The text of an answer that was blocked, or that no model could give, is itself the notice.
    """
    match status:
        case Status.STOPPED:
            return Notice("quiet", "stop", _STOPPED if text else _STOPPED_EMPTY)
        case Status.INTERRUPTED:
            return Notice("warn", "warn", _INTERRUPTED, can_retry=True)
        case Status.FAILED:
            return _failure(error_code, text)
        case Status.COMPLETE:
            return _SHORT.get(finish_reason)
        case Status.BLOCKED | Status.RETRACTED:
            return Notice("warn", "shield", text or _RETRACTED)
    return None


def _failure(error_code: str, text: str) -> Notice:
    if error_code == NO_MODEL:
        return Notice("warn", "warn", text, can_retry=True)
    problem = PROBLEMS.get(error_code)
    is_told = problem is not None and "{" not in problem.title
    told = problem.title if problem and is_told else _FAILURES.get(error_code, _FAILED)
    return Notice("danger", "warn", told, can_retry=True)
