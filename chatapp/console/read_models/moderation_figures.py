"""What the checks did in a period, how review went, and how sure each check was right, for the overview."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.errors import ChatappError
from chatapp.moderation.models import Stage
from chatapp.moderation.selectors.figures import (
    CheckKey,
    Decided,
    Looks,
    ReviewTimes,
    VerdictCount,
    count_decided_for,
    count_verdicts_for,
    review_times_for,
    sum_looks_for,
)

FEW = 10  # Of fewer decisions, a share says nothing.
MAX_CHECKS = 100
# The drawing's own units; the page stretches it.
BAR_STEP, CHART_HEIGHT = 10, 100


@dataclass(frozen=True, slots=True)
class Period:
    """`bars` steps of time, the last of which is not over. `format` is how the page names one."""

    name: str
    label: str
    step: timedelta
    bars: int
    format: str

    def times(self, now: datetime) -> list[datetime]:
        """When each step begins, oldest first, at whole hours and days of the company's time."""
        midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
        last = midnight + self.step * ((now - midnight) // self.step)
        return [last - self.step * ago for ago in reversed(range(self.bars))]


PERIODS = (
    Period("day", "Last 24 hours", timedelta(hours=1), 24, "H:i"),
    Period("week", "Last 7 days", timedelta(hours=6), 28, "D j M, H:i"),
    Period("month", "Last 30 days", timedelta(days=1), 30, "D j M"),
)


@dataclass(frozen=True, slots=True)
class Part:
    """One stage's piece of a bar; `y` is its upper end."""

    stage: str
    count: int
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """`counts` are by stage, in the order of `Stage`."""

    at: datetime
    x: int
    counts: list[int]
    parts: list[Part]

    @property
    def total(self) -> int:
        return sum(self.counts)


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One check of one policy version at one stage."""

    key: CheckKey
    verdicts: int
    failed: int
    shadow: int
    bars: list[Bar]
    looks: Looks | None
    decided: Decided | None

    @property
    def is_telling(self) -> bool:
        """Whether enough was decided for a precision."""
        return self.decided is not None and self.decided.decided >= FEW


@dataclass(frozen=True, slots=True)
class ModerationFigures:
    """`busiest` is None where no check found anything. `left_out` checks had the fewest verdicts."""

    period: Period
    bars: list[Bar]
    busiest: Bar | None
    totals: dict[str, int]
    rows: list[CheckRow]
    left_out: int
    review: ReviewTimes | None

    @property
    def width(self) -> int:
        return BAR_STEP * len(self.bars)


def parse_period(name: str) -> Period:
    """Raises ChatappError("invalid")."""
    period = next((period for period in PERIODS if period.name == name), None)
    if period is None:
        raise ChatappError("invalid", detail=f"period must be one of {', '.join(one.name for one in PERIODS)}.")
    return period


def moderation_figures(user: User, *, period: Period, now: datetime | None = None) -> ModerationFigures:
    """Four queries, however much there is."""
    times = period.times(now or timezone.now())
    since = times[0]
    counts = count_verdicts_for(user, since=since, step=period.step)
    looks, decided = sum_looks_for(user, since=since), count_decided_for(user, since=since)
    by_check: dict[CheckKey, list[VerdictCount]] = {key: [] for key in (*looks, *decided)}
    for count in counts:
        by_check.setdefault(count.key, []).append(count)
    rows = [_row(key, found, times, looks.get(key), decided.get(key)) for key, found in by_check.items()]
    rows.sort(key=lambda row: (-row.verdicts, row.key))
    bars = _bars(counts, times)
    busiest = max(bars, key=lambda bar: bar.total)
    return ModerationFigures(
        period=period,
        bars=bars,
        busiest=busiest if busiest.total else None,
        totals={stage: sum(one.verdicts for one in counts if one.key.stage == stage) for stage in Stage.values},
        rows=rows[:MAX_CHECKS],
        left_out=max(0, len(rows) - MAX_CHECKS),
        review=review_times_for(user, since=since),
    )


def _row(
    key: CheckKey,
    counts: Sequence[VerdictCount],
    times: Sequence[datetime],
    looks: Looks | None,
    decided: Decided | None,
) -> CheckRow:
    return CheckRow(
        key=key,
        verdicts=sum(one.verdicts for one in counts),
        failed=sum(one.failed for one in counts),
        shadow=sum(one.shadow for one in counts),
        bars=_bars(counts, times) if counts else [],
        looks=looks,
        decided=decided,
    )


def _bars(counts: Iterable[VerdictCount], times: Sequence[datetime]) -> list[Bar]:
    found: Counter[tuple[datetime, str]] = Counter()
    for one in counts:
        found[one.at, one.key.stage] += one.verdicts
    by_time = [[found[at, stage] for stage in Stage.values] for at in times]
    scale = CHART_HEIGHT / max(1, *map(sum, by_time))
    return [
        Bar(at, number * BAR_STEP, by_stage, list(_parts(by_stage, scale)))
        for number, (at, by_stage) in enumerate(zip(times, by_time, strict=True))
    ]


def _parts(by_stage: Sequence[int], scale: float) -> Iterator[Part]:
    """From the ground up."""
    y = float(CHART_HEIGHT)
    for stage, count in zip(Stage.values, by_stage, strict=True):
        if count:
            y -= count * scale
            yield Part(stage, count, round(y, 2), round(count * scale, 2))
