"""What a decision can do beside closing its flag. `conversations` does it; here is only what makes sense where."""

from collections.abc import Iterable

from chatapp.errors import ChatappError
from chatapp.moderation.models import Flag, Stage
from chatapp.moderation.texts import RETRACTED_TEXT, SAFE_TEXT

MASK, RETRACT, NOTIFY = "mask", "retract", "notify"
EFFECTS = {
    RETRACT: "Retract the answer",
    MASK: "Mask the marked words in the answer",
    NOTIFY: "Tell the employee",
}


def possible_effects(flag: Flag, decision: str) -> tuple[str, ...]:
    """An answer that is withheld already can be neither retracted nor masked; only upholding takes text away."""
    exchange = flag.exchange
    shown = bool(exchange.answer) and exchange.answer not in {SAFE_TEXT, RETRACTED_TEXT}
    maskable = flag.stage == Stage.INPUT or (flag.stage == Stage.OUTPUT and shown)
    possible = {
        RETRACT: decision == "uphold" and shown,
        MASK: decision == "uphold" and maskable and bool(flag.spans),
        NOTIFY: decision in {"uphold", "dismiss"} and exchange.user_id is not None,
    }
    return tuple(effect for effect, makes_sense in possible.items() if makes_sense)


def check_effects(flag: Flag, decision: str, effects: Iterable[str]) -> list[str]:
    """In a fixed order, each once. Raises ChatappError("invalid")."""
    wanted, possible = set(effects), possible_effects(flag, decision)
    if {RETRACT, MASK} <= wanted:
        raise ChatappError("invalid", detail="retract and mask exclude each other.")
    for effect in sorted(wanted - set(possible)):
        raise ChatappError("invalid", detail=f"{effect[:40]} is not possible here; possible: {_words(possible)}.")
    return [effect for effect in EFFECTS if effect in wanted]


def _words(possible: tuple[str, ...]) -> str:
    return ", ".join(possible) or "nothing"
