"""What votes say of two versions, in sentences and as places on a line of 0 to 100."""

from collections.abc import Iterable
from dataclasses import dataclass

from chatapp.errors import PROBLEMS, ChatappError
from chatapp.evaluation.comparing.preference import WinRate
from chatapp.evaluation.models import Comparison
from chatapp.evaluation.selectors import ComparisonRow, results_of

_WHY = {
    "forbidden": "Who started it may not do so any more, or may not read the collection.",
    "answer_gone": "No answer was left to compare.",
    "blocked": "A policy took the answers away.",
}


@dataclass(frozen=True, slots=True)
class Interval:
    """In percent of the votes for the second version, as the chart has it: left the first, right the second."""

    at: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ComparisonView:
    """`sentence` says who is preferred and how certain that is; it is the chart's text, too."""

    comparison: Comparison
    wins: WinRate
    sentence: str
    agreement: str
    interval: Interval | None
    error: str

    @property
    def prepared(self) -> int:
        return self.comparison.ready + self.comparison.failed  # type: ignore[attr-defined,no-any-return]


def comparison_views(comparisons: Iterable[Comparison]) -> list[ComparisonView]:
    return [comparison_view(row) for row in results_of(comparisons)]


def comparison_view(row: ComparisonRow) -> ComparisonView:
    comparison, wins = row.comparison, row.wins
    return ComparisonView(
        comparison=comparison,
        wins=wins,
        sentence=sentence_of(comparison.first.name, comparison.second.name, wins),
        agreement="" if row.agreement is None else f"{row.agreement:.2f}".replace("-", "\N{MINUS SIGN}"),
        interval=_interval(wins),
        error=_why(comparison.error),
    )


def sentence_of(first: str, second: str, wins: WinRate) -> str:
    """Which one is preferred, if that is certain; ties count half."""
    if wins.rate is None:
        return "Nobody has voted yet."
    counts = f"{_several(wins.votes, 'vote')} of {_several(wins.voters, 'person', 'people')}"
    counts = f"{counts} on {_several(wins.questions, 'question')}"
    if wins.low is None or wins.high is None:
        shares = f"{first} {_percent(wins.rate)}, {second} {_percent(1 - wins.rate)}"
        return f"{shares}: {counts}, too few to tell from chance."
    if not wins.is_clear:
        return f"No difference that is certain: {first} {_range(wins)} of the votes, {counts}."
    preferred, rate = (first, wins) if wins.rate > 1 / 2 else (second, wins.reversed)
    return f"{preferred} is preferred: {_percent(rate.rate or 0)} of the votes ({_range(rate)}), {counts}."


def _range(wins: WinRate) -> str:
    return f"{100 * (wins.low or 0):.0f} to {_percent(wins.high or 0)}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _several(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _interval(wins: WinRate) -> Interval | None:
    if wins.rate is None or wins.low is None or wins.high is None:
        return None
    return Interval(at=100 * (1 - wins.rate), low=100 * (1 - wins.high), high=100 * (1 - wins.low))


def _why(error: str) -> str:
    if not error:
        return ""
    if error in _WHY:
        return _WHY[error]
    # A sentence with gaps would need what is not known any more.
    if error in PROBLEMS and "{" not in PROBLEMS[error].title:
        return ChatappError(error).message
    return f"The versions gave no answers ({error})."
