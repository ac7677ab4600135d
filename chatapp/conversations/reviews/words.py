"""What an employee is told of a decision: plain words, without the name of whoever decided."""

from chatapp.conversations.models import Status
from chatapp.moderation.effects import MASK, RETRACT
from chatapp.moderation.models import Flag, FlagSource, FlagStatus
from chatapp.moderation.reasons import OTHER, REASONS

_GONE_TEXT = "The answer itself was deleted meanwhile."


def told_of(flag: Flag, *, status: str, effects: list[str], code: str) -> str:
    """`status` is how the answer stands now, `code` the reason of the decision."""
    match flag.source:
        case FlagSource.REPORT:
            return _of_report(flag, effects)
        case FlagSource.APPEAL:
            return _of_appeal(flag, status)
    if flag.status == FlagStatus.DISMISSED:
        return "A reviewer looked at an answer of yours and found nothing wrong with it."
    done = {RETRACT: "took it back", MASK: "removed some words"}
    did = next((done[effect] for effect in effects if effect in done), "found that it breaks a rule")
    reason = "" if code in {"", OTHER} else f" The reason: {_lower(REASONS['uphold'][code])}"
    return f"A reviewer looked at an answer of yours and {did}.{reason}"


def _of_report(flag: Flag, effects: list[str]) -> str:
    if flag.status == FlagStatus.DISMISSED:
        return "You reported an answer. A reviewer looked at it and found nothing that has to change. Thank you."
    did = " and took the answer back" if RETRACT in effects else " and removed some words" if MASK in effects else ""
    return f"You reported an answer. A reviewer agrees with you{did}. Thank you."


def _of_appeal(flag: Flag, status: str) -> str:
    if flag.status == FlagStatus.UPHELD:
        return "You appealed. A reviewer looked at it again, and the answer stays as it is."
    if status == Status.COMPLETE:
        return "Your appeal was granted: the answer is shown again."
    if status in {Status.BLOCKED, Status.RETRACTED}:
        return "Your appeal was granted. The answer was never written, though, so there is nothing to show."
    return f"Your appeal was granted. {_GONE_TEXT}"


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
