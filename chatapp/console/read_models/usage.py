"""Who and what used how much, as a table and as bars."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from chatapp.accounts.models import User
from chatapp.console.templatetags.figures import tokens
from chatapp.errors import ChatappError
from chatapp.inference.usage import Usage, UsageBy, UsageRow, usage_by, usage_per_day
from chatapp.spreadsheets import neutralize

DAYS = (1, 7, 30, 90)
MAX_ROWS = 100
# The drawing's own units; the page stretches it.
BAR_STEP, BAR_WIDTH, CHART_HEIGHT, ROW_WIDTH = 10, 8, 100, 100

_NAMELESS = {
    UsageBy.USER: "Deleted accounts",
    UsageBy.GROUP: "In no group",
    UsageBy.VERSION: "Deleted versions",
}


@dataclass(frozen=True, slots=True)
class Bar:
    """One day's tokens: those read from `top` down to `middle`, those written from there to the ground."""

    day: date
    usage: Usage
    x: int
    top: float
    middle: float

    @property
    def read_height(self) -> float:
        return self.middle - self.top

    @property
    def written_height(self) -> float:
        return CHART_HEIGHT - self.middle


@dataclass(frozen=True, slots=True)
class TableRow:
    """`width` is its share of the largest row's tokens, of ROW_WIDTH."""

    name: str
    usage: Usage
    width: float


@dataclass(frozen=True, slots=True)
class UsageTable:
    """`total` is None where rows overlap, as groups do; `left_out` rows are in the CSV only."""

    rows: list[TableRow]
    total: Usage | None
    left_out: int


def parse_query(days: str, by: str) -> tuple[int, UsageBy]:
    """Raises ChatappError("invalid")."""
    if days not in {str(choice) for choice in DAYS}:
        raise ChatappError("invalid", detail=f"days must be one of {', '.join(map(str, DAYS))}.")
    if by not in list(UsageBy):
        raise ChatappError("invalid", detail=f"by must be one of {', '.join(UsageBy)}.")
    return int(days), UsageBy(by)


def usage_table(user: User, *, by: UsageBy, days: int) -> UsageTable:
    """The largest use first."""
    rows = sorted(usage_by(user, by=by, days=days), key=lambda row: -tokens(row.usage))
    most = max((tokens(row.usage) for row in rows), default=0) or 1
    shown = [
        TableRow(row.name or _NAMELESS[by], row.usage, round(ROW_WIDTH * tokens(row.usage) / most, 2))
        for row in rows[:MAX_ROWS]
    ]
    total = None if by == UsageBy.GROUP else sum((row.usage for row in rows), Usage())
    return UsageTable(rows=shown, total=total, left_out=max(0, len(rows) - MAX_ROWS))


def usage_bars(user: User, *, days: int) -> list[Bar]:
    per_day = usage_per_day(user, days=days)
    most = max((tokens(usage) for _, usage in per_day), default=0) or 1
    return [_bar(number, day, usage, most) for number, (day, usage) in enumerate(per_day)]


def _bar(number: int, day: date, usage: Usage, most: int) -> Bar:
    scale = CHART_HEIGHT / most
    top = round(CHART_HEIGHT - scale * tokens(usage), 2)
    middle = round(CHART_HEIGHT - scale * usage.completion_tokens, 2)
    return Bar(day, usage, number * BAR_STEP, top, middle)


def busiest(bars: Sequence[Bar]) -> Bar | None:
    """None where nothing was used at all."""
    most = max(bars, key=lambda bar: tokens(bar.usage), default=None)
    return most if most is not None and tokens(most.usage) else None


def usage_csv(rows: Iterable[UsageRow], *, by: UsageBy) -> Iterable[list[object]]:
    """Rows of cells, the heading first."""
    yield [by.value, "answers", "of these from the cache", "tokens read", "tokens written", "cost", "last used"]
    for row in rows:
        usage = row.usage
        figures = [usage.answers, usage.cached, usage.prompt_tokens, usage.completion_tokens, usage.cost]
        yield [neutralize(row.name or _NAMELESS[by]), *figures, row.last_used_at.isoformat(timespec="seconds")]
