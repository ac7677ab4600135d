"""The figures of the last minutes and of the day before them, of all routes and versions, in one statement.

Trials and answers out of the cache are no answers here. The last hour is left out of the baseline, so that the first
minutes of a trouble do not count as ordinary. Whoever was erased counts as one person together.
"""

from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from chatapp.evaluation.alerting.metrics import LATE, WATCHED
from chatapp.evaluation.alerting.significance import Trials
from chatapp.evaluation.models import AlertMetric

BASELINE_HOURS = 24
_RECENT = ", ".join(
    f"sum(({w.event})::int) FILTER (WHERE {w.counts} AND age < {w.window_minutes * 60})::float8 AS {name}_y, "
    f"count(*) FILTER (WHERE {w.counts} AND age < {w.window_minutes * 60} AND ({w.event}) IS NOT NULL) AS {name}_n"
    for name, w in WATCHED.items()
)
_BEFORE = ", ".join(
    f"sum(({w.event})::int) FILTER (WHERE {w.counts})::float8 AS {name}_y, "
    f"count(*) FILTER (WHERE {w.counts} AND ({w.event}) IS NOT NULL) AS {name}_n"
    for name, w in WATCHED.items()
)
_ROWS = ", ".join(f"('{name}', '{w.scope}', {name}_y, {name}_n)" for name, w in WATCHED.items())
# A recent answer counts for its version, and for its route as a whole; the day before only for the route.
_QUERY = f"""
WITH answers AS MATERIALIZED (
    SELECT *, extract(epoch FROM now() - created_at) AS age, floor(extract(epoch FROM created_at) / 3600) AS hour
    FROM inference_answeroutcome
    WHERE created_at > now() - make_interval(hours => {BASELINE_HOURS + 1})
      AND NOT is_trial AND NOT is_cached AND route <> '' AND (status <> 'blocked' OR completion_tokens > 0)
),
late AS MATERIALIZED (
    SELECT route, {LATE} * percentile_cont(0.95) WITHIN GROUP (ORDER BY first_token_seconds) AS seconds
    FROM answers WHERE age >= 3600 AND NOT is_fallback AND first_token_seconds IS NOT NULL GROUP BY route
),
units AS (
    SELECT 'recent' AS part, scoped.scope, answers.route, scoped.version_id, {_RECENT}
    FROM answers LEFT JOIN late USING (route),
      LATERAL (VALUES ('version', answers.version_id), ('route', NULL::uuid)) AS scoped (scope, version_id)
    WHERE age < 3600
    GROUP BY scoped.scope, answers.route, scoped.version_id, answers.user_id
  UNION ALL
    SELECT 'before', '', answers.route, NULL::uuid, {_BEFORE}
    FROM answers LEFT JOIN late USING (route) WHERE age >= 3600
    GROUP BY answers.route, answers.user_id, hour
)
SELECT part, name, units.route, version_id, count(*), sum(y / n), count(*) FILTER (WHERE y > 0), sum(n), sum(y),
  (SELECT seconds FROM late WHERE late.route = units.route)
FROM units, LATERAL (VALUES {_ROWS}) AS figure (name, wanted, y, n)
WHERE n > 0 AND part IN ('before', 'recent') AND scope IN ('', wanted)
GROUP BY part, name, units.route, version_id
"""  # noqa: S608 - of constants


@dataclass(frozen=True, slots=True)
class Watch:
    """One metric on a route, of one version or (`version_id` None) of all: the last minutes and the day before."""

    metric: AlertMetric
    route: str
    version_id: UUID | None
    recent: Trials
    baseline: Trials
    late_seconds: float | None


def read_watches() -> list[Watch]:
    with connection.cursor() as cursor:
        cursor.execute(_QUERY)
        rows = cursor.fetchall()
    before = {(name, route): Trials(*_figures(figures)) for part, name, route, _, *figures in rows if part == "before"}
    return [
        Watch(
            metric=AlertMetric(name),
            route=route,
            version_id=version_id,
            recent=Trials(*_figures(figures)),
            baseline=before.get((name, route), Trials()),
            late_seconds=figures[-1],
        )
        for part, name, route, version_id, *figures in rows
        if part == "recent"
    ]


def _figures(row: list[float]) -> tuple[int, float, int, int, int]:
    trials, shares, hit, answers, events, _late = row
    return int(trials), float(shares or 0.0), int(hit), int(answers), int(events or 0)
