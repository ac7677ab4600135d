"""Usage by day as drawings: bars in which each version has its part, and lines of its seconds."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.console.read_models.usage_query import UsageQuery
from chatapp.console.templatetags.figures import money, seconds, thousands, tokens
from chatapp.inference.usage import DayUsage, Usage, usage_per_day

# The drawing's own units; the page stretches it.
BAR_STEP, BAR_WIDTH, CHART_HEIGHT = 10, 8, 100
MOST_SERIES = 5
OTHERS, DELETED = "Other versions", "Deleted versions, and embeddings"


@dataclass(frozen=True, slots=True)
class Part:
    """Of a bar: the series that it belongs to, from 1, and where it stands."""

    series: int
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    day: date
    x: int
    total: str
    parts: list[Part]


@dataclass(frozen=True, slots=True)
class Line:
    """`points` are those of an SVG polyline: a level piece for each day, and what joins it to the next one."""

    series: int
    points: str
    is_median: bool


@dataclass(frozen=True, slots=True)
class Chart:
    title: str
    most: str
    most_day: date
    bars: list[Bar]
    lines: list[Line]


@dataclass(frozen=True, slots=True)
class UsageCharts:
    """`series` are the names of the versions with colours of their own, in order; `rows` are all figures in words."""

    series: list[str]
    days: list[date]
    charts: list[Chart]
    rows: list[DayUsage]

    @property
    def width(self) -> int:
        return BAR_STEP * len(self.days)


@dataclass(frozen=True, slots=True)
class _Kind:
    """What bars are drawn of, and how it is written."""

    title: str
    value: Callable[[Usage], float]
    words: Callable[[float], str]


def _count(value: float) -> str:
    return thousands(int(value))


def _cost(value: float) -> str:
    return money(Decimal(value))


_KINDS = (
    _Kind("Answers a day", lambda usage: usage.answers, _count),
    _Kind("Tokens a day", tokens, _count),
    _Kind("Cost a day", lambda usage: float(usage.cost), _cost),
)


def usage_charts(user: User, query: UsageQuery) -> UsageCharts | None:
    """None where there is one day only, or nothing was used."""
    rows = usage_per_day(user, scope=query.scope) if query.has_days else []
    if not rows:
        return None
    series = _series(rows)
    days = _days(query)
    bars = [_bars(kind, rows, days, series) for kind in _KINDS]
    charts = [chart for chart in [*bars, _lines(rows, days, series)] if chart is not None]
    return UsageCharts(series, days, charts, rows)


def series_of(name: str, series: list[str]) -> int:
    """From 1; the last one is that of all others."""
    shown = name or DELETED
    return series.index(shown if shown in series else OTHERS) + 1


def _series(rows: list[DayUsage]) -> list[str]:
    used: dict[str, int] = {}
    for row in rows:
        name = row.version or DELETED
        used[name] = used.get(name, 0) + tokens(row.usage)
    names = sorted(used, key=lambda name: (-used[name], name))
    return names if len(names) <= MOST_SERIES + 1 else [*names[:MOST_SERIES], OTHERS]


def _days(query: UsageQuery) -> list[date]:
    first, end = timezone.localdate(query.scope.since), timezone.localdate(query.scope.until)
    return [first + timedelta(days=number) for number in range((end - first).days)]


def _bars(kind: _Kind, rows: list[DayUsage], days: list[date], series: list[str]) -> Chart | None:
    """None where all of it is nothing, as the cost of models of one's own."""
    parts: dict[date, dict[int, float]] = {day: {} for day in days}
    for row in rows:
        of_day, number = parts.setdefault(row.day, {}), series_of(row.version, series)
        of_day[number] = of_day.get(number, 0) + kind.value(row.usage)
    sums = {day: sum(parts[day].values()) for day in days}
    most_day = max(days, key=lambda day: sums[day])
    if not sums[most_day]:
        return None
    scale = CHART_HEIGHT / sums[most_day]
    bars = [Bar(day, n * BAR_STEP, kind.words(sums[day]), _stack(parts[day], scale)) for n, day in enumerate(days)]
    return Chart(kind.title, kind.words(sums[most_day]), most_day, bars, [])


def _stack(parts: dict[int, float], scale: float) -> list[Part]:
    """The first series stands on the ground."""
    stacked, below = [], 0.0
    for number, value in sorted(parts.items()):
        height = scale * value
        below += height
        stacked.append(Part(number, round(CHART_HEIGHT - below, 2), round(height, 2)))
    return stacked


def _lines(rows: list[DayUsage], days: list[date], series: list[str]) -> Chart | None:
    """Of each version with a colour of its own; the others together have no line that would mean something."""
    timed = [row for row in rows if row.speed.first_token_p95 is not None and (row.version or DELETED) in series]
    if not timed:
        return None
    slowest = max(timed, key=lambda row: row.speed.first_token_p95 or 0)
    most = slowest.speed.first_token_p95 or 0.0
    scale = CHART_HEIGHT / (most or 1)
    places = {day: n * BAR_STEP for n, day in enumerate(days)}
    lines = []
    for number, name in enumerate(series, 1):
        own = [row for row in timed if (row.version or DELETED) == name and row.day in places]
        for is_median in (False, True) if own else ():
            seen = [(places[r.day], r.speed.first_token_p50 if is_median else r.speed.first_token_p95) for r in own]
            lines.append(Line(number, " ".join(_level(x, scale * (value or 0)) for x, value in seen), is_median))
    return Chart("Seconds to the first token", seconds(most), slowest.day, [], lines)


def _level(x: int, height: float) -> str:
    y = round(CHART_HEIGHT - height, 2)
    return f"{x},{y} {x + BAR_WIDTH},{y}"
