"""Who and what used how much, beside the time before, and as a file."""

from collections.abc import Iterable
from dataclasses import dataclass

from chatapp.accounts.models import User
from chatapp.console.read_models.usage_charts import DELETED
from chatapp.console.read_models.usage_query import NARROWING, UsageQuery
from chatapp.console.templatetags.figures import money, seconds, thousands, tokens
from chatapp.inference.usage import Usage, UsageBy, UsageRow, UsageTotal, UsageTotals, usage_by, usage_totals
from chatapp.spreadsheets import neutralize

MAX_ROWS = 100
ROW_WIDTH = 100  # The drawing's own unit.

_NAMELESS = {
    UsageBy.USER: "Deleted accounts",
    UsageBy.GROUP: "In no group",
    UsageBy.VERSION: DELETED,
    UsageBy.ROUTE: "By no route: titles, summaries, judgements, embeddings",
    UsageBy.DAY: "",
}


@dataclass(frozen=True, slots=True)
class TableRow:
    """`width` is its share of the largest row's tokens, of ROW_WIDTH; `link` narrows the page to it."""

    name: str
    row: UsageRow
    width: float
    link: str

    @property
    def usage(self) -> Usage:
        return self.row.usage


@dataclass(frozen=True, slots=True)
class UsageTable:
    """`left_out` rows are in the file only."""

    rows: list[TableRow]
    left_out: int


@dataclass(frozen=True, slots=True)
class Tile:
    """A figure of the whole, and how it changed against the time before."""

    label: str
    value: str
    change: str


def name_of(row: UsageRow, by: UsageBy) -> str:
    return str(row.key) if by is UsageBy.DAY else row.name or _NAMELESS[by]


def usage_rows(user: User, query: UsageQuery) -> list[UsageRow]:
    """The largest use first; of days the newest."""
    rows = usage_by(user, by=query.by, scope=query.scope)
    if query.by is UsageBy.DAY:
        return sorted(rows, key=lambda row: str(row.key), reverse=True)
    return sorted(rows, key=lambda row: -tokens(row.usage))


def usage_table(user: User, query: UsageQuery) -> UsageTable:
    rows = usage_rows(user, query)
    most = max((tokens(row.usage) for row in rows), default=0) or 1
    shown = [
        TableRow(name_of(row, query.by), row, round(ROW_WIDTH * tokens(row.usage) / most, 2), _link(row, query))
        for row in rows[:MAX_ROWS]
    ]
    return UsageTable(rows=shown, left_out=max(0, len(rows) - MAX_ROWS))


def usage_tiles(user: User, query: UsageQuery) -> tuple[UsageTotals, list[Tile]]:
    totals = usage_totals(user, scope=query.scope)
    now, before = totals.now, totals.before
    counts = [(label, thousands(count(now)), _change(count(now), count(before))) for label, count in _COUNTS]
    cost = ("Cost", money(now.usage.cost), _change(float(now.usage.cost), float(before.usage.cost)))
    speeds = [
        ("First token, median", now.speed.first_token_p50, before.speed.first_token_p50),
        ("First token, 95 %", now.speed.first_token_p95, before.speed.first_token_p95),
        ("Whole answer, median", now.speed.duration_p50, before.speed.duration_p50),
    ]
    timed = [(label, seconds(value), _change(value, earlier)) for label, value, earlier in speeds]
    return totals, [Tile(*each) for each in [*counts, cost, *timed]]


def usage_csv(rows: Iterable[UsageRow], *, by: UsageBy) -> Iterable[list[object]]:
    """Rows of cells, the heading first."""
    sums = ["answers", "of these from the cache", "tokens read", "tokens written", "cost", "last used"]
    yield [by.value, *sums, "users", "first token p50", "first token p95", "duration p50"]
    for row in rows:
        usage, speed = row.usage, row.speed
        figures = [usage.answers, usage.cached, usage.prompt_tokens, usage.completion_tokens, usage.cost]
        timed = [speed.first_token_p50, speed.first_token_p95, speed.duration_p50]
        rounded = ["" if value is None else round(value, 3) for value in timed]
        name, last = neutralize(name_of(row, by)), row.last_used_at.isoformat(timespec="seconds")
        yield [name, *figures, last, row.users, *rounded]


def _users(total: UsageTotal) -> int:
    return total.users


_COUNTS = (
    ("Answers", lambda total: total.usage.answers),
    ("People", _users),
    ("Tokens read", lambda total: total.usage.prompt_tokens),
    ("Tokens written", lambda total: total.usage.completion_tokens),
)


def _change(now: float | None, before: float | None) -> str:
    if now is None or before is None or (not now and not before):
        return ""
    if not before:
        return "none before"
    percent = round(100 * (now - before) / before)
    return f"{abs(percent):,} % {'more' if percent > 0 else 'less'} than before" if percent else "as before"


def _link(row: UsageRow, query: UsageQuery) -> str:
    """None for what has no name; a narrowed page is summed by day."""
    if query.by is UsageBy.DAY:
        day = str(row.key)
        return query.link(**{"days": "", "from": day, "to": day, "by": "version"})
    return query.link(**{query.by.value: row.name, "by": "day"}) if row.name and query.by.value in NARROWING else ""
