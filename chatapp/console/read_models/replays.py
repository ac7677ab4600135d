"""A replay's result as the page draws it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chatapp.errors import ChatappError
from chatapp.moderation.models import Replay
from chatapp.moderation.replay.comparing import Outcome
from chatapp.moderation.replay.curve import Point
from chatapp.moderation.replay.results import CheckResult, results_of

# The drawing's own units.
SIDE = 100
OUTCOMES = {
    Outcome.NEWLY: ("Newly objected to", "Nothing objected then; this version does."),
    Outcome.RELEASED: ("Released", "Something objected then; with this version nothing does."),
    Outcome.STRICTER: ("Stricter", "Something objected then; this version does more."),
    Outcome.MILDER: ("Milder", "Something objected then; this version does less."),
    Outcome.SAME: ("Unchanged", "The same happens."),
    Outcome.UNKNOWN: ("Not to be told", "What was masked then is not kept, so nobody can look again."),
}


@dataclass(frozen=True, slots=True)
class Figure:
    label: str
    meaning: str
    count: int


@dataclass(frozen=True, slots=True)
class Moved:
    """So many texts of a stage on which something else would be done."""

    stage: str
    before: str
    after: str
    count: int


@dataclass(frozen=True, slots=True)
class Dot:
    """A point of the curve where both figures exist; `x` is recall and `y` falls with precision."""

    point: Point
    texts: int
    is_chosen: bool
    is_own: bool

    @property
    def x(self) -> float:
        return round(SIDE * (self.point.recall or 0.0), 1)

    @property
    def y(self) -> float:
        return round(SIDE * (1 - (self.point.precision or 0.0)), 1)

    @property
    def is_drawn(self) -> bool:
        return self.point.precision is not None and self.point.recall is not None


@dataclass(frozen=True, slots=True)
class CheckPanel:
    result: CheckResult
    dots: list[Dot]
    chosen: Dot | None

    @property
    def line(self) -> str:
        return " ".join(f"{dot.x},{dot.y}" for dot in self.drawn)

    @property
    def drawn(self) -> list[Dot]:
        return [dot for dot in self.dots if dot.is_drawn]


def outcome_figures(replay: Replay) -> list[Figure]:
    counts: Mapping[str, int] = replay.figures.get("outcomes", {})
    return [Figure(*words, counts.get(outcome, 0)) for outcome, words in OUTCOMES.items()]


def moved_rows(replay: Replay) -> list[Moved]:
    moves: Mapping[str, int] = replay.figures.get("moves", {})
    return [_moved(key, count) for key, count in sorted(moves.items(), key=lambda move: -move[1])]


def _moved(key: str, count: int) -> Moved:
    stage, before, after = key.split(" ")
    return Moved(stage, before, after, count)


def released_rows(replay: Replay) -> list[tuple[str, int]]:
    return sorted(replay.figures.get("released", {}).items(), key=lambda row: -row[1])


def error_of(replay: Replay) -> str:
    return ChatappError(replay.error_code).message if replay.error_code else ""


def check_panels(replay: Replay, *, check: str, threshold: str) -> list[CheckPanel]:
    """`check` and `threshold` are the point that somebody chose, as the address has them."""
    return [_panel(result, threshold if check == str(result.number) else "") for result in results_of(replay)]


def _panel(result: CheckResult, threshold: str) -> CheckPanel:
    dots = _dots(result, result.points, threshold)
    return CheckPanel(result, dots, next((dot for dot in dots if dot.is_chosen), None))


def _dots(result: CheckResult, points: Sequence[tuple[Point, int]], threshold: str) -> list[Dot]:
    own = round(result.check.threshold, 4)
    return [
        Dot(point, texts, is_chosen=f"{point.threshold:g}" == threshold, is_own=point.threshold == own)
        for point, texts in points
    ]
