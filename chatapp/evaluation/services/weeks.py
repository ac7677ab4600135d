"""Drift: the week's figures of what serves, against its own baseline."""

from django.utils import timezone

from chatapp.evaluation.alerting.weeks import WEEKLY, Week, read_weeks
from chatapp.evaluation.models import Alert, AlertKind
from chatapp.evaluation.services.alerts import close_alert, close_gone, list_open, note_seen, open_alert


def watch_weeks() -> int:
    """Once an hour. Returns how many alerts were opened. One closes when the week's figure is within its band again."""
    opened, weeks = 0, read_weeks()
    open_ones = list_open(AlertKind.DRIFT)
    for week in weeks:
        alert = open_ones.get((week.metric.value, week.route, week.version_id))
        value = week.week.rate
        if alert is None and week.has_drifted:
            opened += open_alert(_alert(week))
        elif alert is not None and value is not None and _is_out(week, value):
            note_seen(alert, value=value, answers=week.week.answers, users=week.week.users)
        elif alert is not None:
            close_alert(alert)
    close_gone({(week.metric.value, week.route, week.version_id) for week in weeks}, kind=AlertKind.DRIFT)
    return opened


def _is_out(week: Week, value: float) -> bool:
    return value > week.limit if WEEKLY[week.metric].worse == "higher" else value < week.limit


def _alert(week: Week) -> Alert:
    is_higher = WEEKLY[week.metric].worse == "higher"
    return Alert(
        kind=AlertKind.DRIFT,
        metric=week.metric,
        route=week.route,
        version_id=week.version_id,
        value=week.week.rate or 0.0,
        baseline=week.baseline.rate or 0.0,
        high=week.limit if is_higher else None,
        low=None if is_higher else week.limit,
        answers=week.week.answers,
        users=week.week.users,
        seen_at=timezone.now(),
    )
