"""Keeps the sums of days that are over equal to their outcomes and side work."""

from datetime import date, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.inference.models import AnswerOutcome, DailySpeed, DailyUse, SideWork, SummedDay
from chatapp.inference.usage.scope import calendar_days, midnight
from chatapp.inference.usage.sql import PLAIN, STEPS_OF_PLAIN

# So long after midnight a day is left open: for what is being written, by a clock that is wrong.
LATE = timedelta(hours=1)
DAYS_AT_ONCE = 100
# New days, and those of which rows came late, were deleted by retention, or that another TIME_ZONE cut.
_DUE = """
    SELECT day FROM (
        SELECT (created_at AT TIME ZONE %(zone)s)::date AS day, count(*) AS rows FROM (
            SELECT created_at FROM inference_answeroutcome UNION ALL SELECT created_at FROM inference_sidework
        ) AS used WHERE created_at < %(until)s GROUP BY 1
    ) AS found FULL JOIN inference_summedday AS summed USING (day)
    WHERE summed.rows IS DISTINCT FROM found.rows OR summed.zone <> %(zone)s ORDER BY day DESC LIMIT %(limit)s
"""
_COUNT = f"SELECT count(*) FROM ({PLAIN}) AS plain"  # noqa: S608 - of constants
_SUM_USE = f"""
    INSERT INTO inference_dailyuse (day, user_id, version_id, route, is_trial, answers, cached, prompt_tokens,
      completion_tokens, cost, last_used_at, first_token_steps, duration_steps)
    SELECT day, user_id, version_id, route, is_trial, sum(answers), sum(cached), sum(prompt_tokens),
      sum(completion_tokens), sum(cost), max(created_at), array_remove(array_agg(first_token_step), NULL),
      array_remove(array_agg(duration_step), NULL)
    FROM ({PLAIN}) AS plain GROUP BY day, user_id, version_id, route, is_trial
"""  # noqa: S608 - of constants
_SUM_SPEED = f"""
    INSERT INTO inference_dailyspeed (day, version_id, route, is_trial, step, first_tokens, durations)
    SELECT day, version_id, route, is_trial, step, sum(first_tokens), sum(durations)
    FROM ({STEPS_OF_PLAIN}) AS stepped GROUP BY day, version_id, route, is_trial, step
"""  # noqa: S608 - of constants


def sum_days() -> int:
    """Those whose sums are not what they were of, the newest first. Returns how many; two at once are harmless."""
    due = _list_due()
    for day in due:
        _sum_day(day)
    return len(due)


def forget_person(*, person: User) -> int:
    """What the person used stays, as nobody's. Returns how many outcomes and side works; in a transaction."""
    _lock_sums()
    DailyUse.objects.filter(user=person).update(user=None)
    rows = (AnswerOutcome.objects.filter(user=person), SideWork.objects.filter(user=person))
    return sum(found.update(user=None) for found in rows)


def _list_due() -> list[date]:
    until = midnight(timezone.localdate(timezone.now() - LATE))
    with connection.cursor() as cursor:
        cursor.execute(_DUE, {"zone": settings.TIME_ZONE, "until": until, "limit": DAYS_AT_ONCE})
        return [day for (day,) in cursor.fetchall()]


@transaction.atomic
def _sum_day(day: date) -> None:
    """What comes while it is counted makes the day due again: the rows are counted first."""
    _lock_sums()
    scope = calendar_days(day, day)
    span = {"zone": settings.TIME_ZONE, "begins": [scope.since], "ends": [scope.until]}
    for model in (DailyUse, DailySpeed, SummedDay):
        model.objects.filter(day=day).delete()
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, span)
        [rows] = cursor.fetchone() or (0,)
        if rows:
            cursor.execute(_SUM_USE, span)
            cursor.execute(_SUM_SPEED, span)
            SummedDay.objects.create(day=day, zone=settings.TIME_ZONE, rows=rows)


def _lock_sums() -> None:
    """Else a day that is being summed would bring back a person who is erased meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE inference_dailyuse IN SHARE ROW EXCLUSIVE MODE")
