"""Usage in SQL: of days that are summed their sums, of the rest each outcome. Both give the same figures.

Seconds are counted in steps of 2 %, whose middle is within 1 % of each of them, so that the counts of many days can be
added: Masson, Rim and Lee, "DDSketch", VLDB 2019. Side work has no route, no seconds and no asker.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from chatapp.inference.usage.figures import Speed
from chatapp.inference.usage.scope import UsageScope, midnight

_GROWTH, _SHORTEST = 1.02, 0.001
# GREATEST would make something of nothing.
_STEP = (
    "CASE WHEN {seconds} IS NOT NULL THEN "
    f"ceil(ln(greatest({{seconds}}, {_SHORTEST})) / ln({_GROWTH}::float8))::smallint END"
)
# Every outcome and all side work of some spans of time.
PLAIN = f"""
    SELECT (created_at AT TIME ZONE %(zone)s)::date AS day, plain.* FROM (
        SELECT created_at, user_id, version_id, route, is_trial, 1 AS answers, is_cached::int AS cached, prompt_tokens,
          completion_tokens, cost, {_STEP.format(seconds="first_token_seconds")} AS first_token_step,
          {_STEP.format(seconds="duration_seconds")} AS duration_step
        FROM inference_answeroutcome
        UNION ALL
        SELECT created_at, user_id, version_id, '', false, 0, 0, prompt_tokens, completion_tokens, cost, NULL, NULL
        FROM inference_sidework
    ) AS plain
    JOIN unnest(%(begins)s::timestamptz[], %(ends)s::timestamptz[]) AS span(begins, ends)
      ON created_at >= begins AND created_at < ends
"""  # noqa: S608 - of constants
_SUMS = """
    sum(answers) AS answers, sum(cached) AS cached, sum(prompt_tokens) AS prompt_tokens,
    sum(completion_tokens) AS completion_tokens, sum(cost) AS cost, max(last_used_at) AS last_used_at
"""
# First by person, so that each is counted once, and a group's members are joined to few rows.
_USED = """
WITH by_person AS (
    SELECT {inner}, {sums} FROM (
        SELECT day, user_id, version_id, route, is_trial, answers, cached, prompt_tokens, completion_tokens, cost,
          last_used_at
        FROM inference_dailyuse WHERE day = ANY(%(closed)s) AND {where}
        UNION ALL
        SELECT day, user_id, version_id, route, is_trial, answers, cached, prompt_tokens, completion_tokens, cost,
          created_at
        FROM ({plain}) AS plain WHERE {where}
    ) AS used GROUP BY {inner}
)
SELECT {keys}, {name}, {sums}, {people} FROM by_person {join} GROUP BY {keys}
"""
_OF_EVERYBODY = """
        SELECT day, NULL::uuid AS user_id, version_id, route, is_trial, step, first_tokens, durations
        FROM inference_dailyspeed WHERE day = ANY(%(closed)s) AND {where}
"""
_OF_EACH = """
        SELECT day, user_id, version_id, route, is_trial, unnest(first_token_steps) AS step, 1 AS first_tokens,
          0 AS durations
        FROM inference_dailyuse WHERE day = ANY(%(closed)s) AND {where}
        UNION ALL
        SELECT day, user_id, version_id, route, is_trial, unnest(duration_steps), 0, 1
        FROM inference_dailyuse WHERE day = ANY(%(closed)s) AND {where}
"""
STEPS_OF_PLAIN = f"""
        SELECT day, user_id, version_id, route, is_trial, step, first_tokens, durations
        FROM ({PLAIN}) AS plain, LATERAL (
            VALUES (first_token_step, 1, 0), (duration_step, 0, 1)
        ) AS stepped(step, first_tokens, durations)
        WHERE step IS NOT NULL
"""  # noqa: S608 - of constants
# The percentile is the step of the nearest rank.
_SPEEDS = """
WITH stepped AS (
    SELECT {keys}, step, sum(first_tokens) AS first_tokens, sum(durations) AS durations FROM (
        {summed}
        UNION ALL
        SELECT * FROM ({plain}) AS plain WHERE {where}
    ) AS timed {join} GROUP BY {keys}, step
),
ranked AS (
    SELECT {keys}, step, sum(first_tokens) OVER upto AS first_rank, sum(first_tokens) OVER alike AS firsts,
      sum(durations) OVER upto AS whole_rank, sum(durations) OVER alike AS wholes
    FROM stepped WINDOW alike AS (PARTITION BY {keys}), upto AS (PARTITION BY {keys} ORDER BY step)
)
SELECT {keys},
  min(step) FILTER (WHERE first_rank > 0 AND first_rank >= 0.5 * firsts),
  min(step) FILTER (WHERE first_rank > 0 AND first_rank >= 0.95 * firsts),
  min(step) FILTER (WHERE whole_rank > 0 AND whole_rank >= 0.5 * wholes)
FROM ranked GROUP BY {keys}
"""
_NARROW = {
    "user": "user_id IN (SELECT id FROM accounts_user WHERE username = %(user)s)",
    "group": "user_id IN (SELECT user_id FROM accounts_user_groups WHERE group_id IN ({groups}))",
    "version": "version_id IN (SELECT id FROM inference_modelversion WHERE name = %(version)s)",
    "route": "route = %(route)s",
}
_GROUPS = "SELECT id FROM auth_group WHERE name = %(group)s"


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What is summed by `keys` (columns), called `name` (SQL). `reader`: whose own use only; None for everybody's."""

    scope: UsageScope
    keys: Sequence[str]
    name: str = "''"
    reader: UUID | None = None
    with_trials: bool = False
    with_people: bool = True

    @property
    def is_of_persons(self) -> bool:
        """Who asked matters."""
        return bool({"user_id", "group_id"} & {*self.keys} or self.reader or self.scope.user or self.scope.group)


def read_sums(question: Question, closed: Sequence[date]) -> list[tuple[Any, ...]]:
    """Keys, name, answers, cached, tokens read and written, cost, when last, and who asked for answers."""
    inner = {*question.keys, *(["user_id"] if question.with_people else [])} - {"group_id"}
    people = "count(user_id) FILTER (WHERE answers > 0)" if question.with_people else "0"
    parts = {"inner": ", ".join(sorted(inner)), "people": people, "name": question.name}
    return _read(_USED, question, closed, sums=_SUMS, plain=PLAIN, **parts)


def read_speeds(question: Question, closed: Sequence[date]) -> dict[tuple[Any, ...], Speed]:
    """By keys."""
    summed = _OF_EACH if question.is_of_persons else _OF_EVERYBODY
    rows = _read(_SPEEDS, question, closed, summed=summed, plain=STEPS_OF_PLAIN)
    count = len(question.keys)
    return {row[:count]: Speed(*map(_seconds, row[count:])) for row in rows}


def _read(statement: str, question: Question, closed: Sequence[date], **parts: str) -> list[tuple[Any, ...]]:
    scope = question.scope
    where = [text.format(groups=_GROUPS) for name, text in _NARROW.items() if getattr(scope, name)]
    where += [] if question.with_trials else ["NOT is_trial"]
    where += ["user_id = %(reader)s"] if question.reader else []
    join = ""
    if "group_id" in question.keys:
        join = "LEFT JOIN accounts_user_groups AS member USING (user_id)"
        join += f" WHERE group_id IN ({_GROUPS})" if scope.group else ""
    condition = " AND ".join(where or ["true"])
    parts = {name: part.replace("{where}", condition) for name, part in parts.items()}
    parts |= {"keys": ", ".join(question.keys), "where": condition, "join": join}
    spans = _open_spans(scope, closed)
    named = {name: getattr(scope, name) for name in _NARROW} | {"reader": question.reader}
    times = {"begins": [begin for begin, _ in spans], "ends": [end for _, end in spans]}
    with connection.cursor() as cursor:
        cursor.execute(statement.format(**parts), {**named, **times, "closed": [*closed], "zone": settings.TIME_ZONE})
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _open_spans(scope: UsageScope, closed: Sequence[date]) -> list[tuple[datetime, datetime]]:
    """What of the scope lies in none of the closed days, which are ordered."""
    spans, begin = [], scope.since
    for day in closed:
        if midnight(day) > begin:
            spans.append((begin, midnight(day)))
        begin = midnight(day + timedelta(days=1))
    return [*spans, (begin, scope.until)] if begin < scope.until else spans


def _seconds(step: int | None) -> float | None:
    return None if step is None else 2 * _GROWTH**step / (_GROWTH + 1)
