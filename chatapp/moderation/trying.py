"""A text that an author pastes, and what checks that are not stored yet say of it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from chatapp.moderation.checks.check import Check
from chatapp.moderation.checks.remote import is_remote, let_out
from chatapp.moderation.replay.looking import CheckDownError, look

MAX_CHARACTERS = 10_000


@dataclass(frozen=True, slots=True)
class Tried:
    """What one check says. `outcome` is found, clear, down, or left where it did not look."""

    name: str
    stage: str
    action: str
    outcome: str
    score: float | None = None
    spans: tuple[tuple[int, int], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Tried":
        return cls(**{**data, "spans": tuple((start, end) for start, end in data["spans"])})


def needs_worker(checks: Sequence[Check]) -> bool:
    return any(check.examiner is not None for check in checks)


def try_checks(checks: Sequence[Check], text: str, *, in_worker: bool, with_remote: bool = False) -> list[Tried]:
    """Scopes, time budgets and fail rules are left aside. Outside of a worker only checks by pattern look."""
    return [_try(check, text, in_worker=in_worker, with_remote=with_remote) for check in checks]


def _try(check: Check, text: str, *, in_worker: bool, with_remote: bool) -> Tried:
    title = (check.name, check.stage.value, check.action.value)
    if check.examiner is not None and (not in_worker or (is_remote(check) and not with_remote)):
        return Tried(*title, "left")
    try:
        found = look(let_out(check), [text])[0]
    except CheckDownError:
        return Tried(*title, "down")
    return Tried(*title, "found" if found.is_finding else "clear", found.score, found.spans)
