"""Alerts and weekly figures as pages show them."""

from collections.abc import Iterable
from dataclasses import dataclass

from chatapp.evaluation.alerting.messages import FIRST_STEPS, figure_of, label_of, situation_of
from chatapp.evaluation.alerting.weeks import MIN_ANSWERS, MIN_USERS, WEEKLY, Week
from chatapp.evaluation.models import Alert, AlertKind
from chatapp.inference.models import ModelVersion


@dataclass(frozen=True, slots=True)
class AlertRow:
    alert: Alert
    label: str
    sentence: str
    todo: str


@dataclass(frozen=True, slots=True)
class WeekRow:
    """One figure of a version on a route; `verdict` is ok, worse or few."""

    label: str
    place: str
    baseline: str
    week: str
    change: str
    answers: int
    users: int
    verdict: str


def alert_row(alert: Alert) -> AlertRow:
    return AlertRow(alert, label_of(alert), situation_of(alert), FIRST_STEPS[alert.metric])


def week_rows(weeks: Iterable[Week], versions: dict[object, ModelVersion]) -> list[WeekRow]:
    return [_week_row(week, versions[week.version_id]) for week in weeks if week.version_id in versions]


def _week_row(week: Week, version: ModelVersion) -> WeekRow:
    told = [None if sums.rate is None else figure_of(week.metric, AlertKind.DRIFT, sums.rate) for sums in
            (week.baseline, week.week)]  # fmt: skip
    return WeekRow(
        label=week.metric.label,
        place=f"{version.name} on the route {week.route}",
        baseline=told[0] or "\N{EN DASH}",
        week=told[1] or "\N{EN DASH}",
        change=_change(week),
        answers=week.week.answers,
        users=week.week.users,
        verdict="worse" if week.has_drifted else "few" if _is_few(week) else "ok",
    )


def _is_few(week: Week) -> bool:
    answers, users = min(week.week.answers, week.baseline.answers), min(week.week.users, week.baseline.users)
    return answers < MIN_ANSWERS or users < MIN_USERS or week.difference is None


def _change(week: Week) -> str:
    """The interval that the difference is in, as it stands in the figure: below 0 is less than the baseline."""
    if week.difference is None:
        return "\N{EN DASH}"
    ends = (week.difference.low, week.difference.high)
    if WEEKLY[week.metric].worse == "lower":
        ends = (-ends[1], -ends[0])
    low, high = (_signed(week.metric, end) for end in ends)
    return f"{low.rpartition(' ')[0]} to {high}"


def _signed(metric: str, value: float) -> str:
    """A difference of shares is in points, as that of a rollout's guards is."""
    sign = "\N{MINUS SIGN}" if value < 0 else "+"
    return f"{sign}{figure_of(metric, AlertKind.DRIFT, abs(value)).replace('%', 'points')}"
