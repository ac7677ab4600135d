"""Weekly figures of what serves each route, against the version's own first week there, or the four weeks before.

Each figure is a ratio of sums over people (answers of one person go together), compared as guards of rollouts are:
chatapp/inference/rollouts/statistics.py, whose bound holds however often it is looked at.
"""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from django.db import connection

from chatapp.evaluation.models import AlertMetric
from chatapp.inference.rollouts.statistics import Difference, Sums, compare

ALPHA = 0.001
MIN_ANSWERS = 50
MIN_USERS = 5


@dataclass(frozen=True, slots=True)
class Weekly:
    """`y`, `n` and `which` are SQL over an outcome: what is summed, over what, of which answers. `tolerance` is the
    smallest change for the worse that counts: absolute for shares, relative for seconds and speed.
    """

    y: str
    n: str
    which: str
    worse: Literal["higher", "lower"]
    tolerance: float
    is_share: bool = True


_OWN = "NOT is_fallback"
_TIMED = f"{_OWN} AND completion_tokens > 0 AND first_token_seconds IS NOT NULL"
WEEKLY: dict[AlertMetric, Weekly] = {
    AlertMetric.ERRORS: Weekly("(status IN ('failed', 'interrupted'))::int", "1", _OWN, "higher", 0.02),
    AlertMetric.EMPTY: Weekly("is_cut::int", "1", _OWN, "higher", 0.02),
    AlertMetric.REFUSALS: Weekly("is_refusal::int", "1", f"{_OWN} AND status = 'complete'", "higher", 0.05),
    AlertMetric.FLAGS: Weekly("(flags > 0)::int", "1", _OWN, "higher", 0.02),
    AlertMetric.THUMBS_DOWN: Weekly("(thumb < 0)::int", "1", _OWN, "higher", 0.02),
    AlertMetric.SUPPORT: Weekly(
        "supported::float8 / greatest(cited, 1)", "1", f"{_OWN} AND sources > 0 AND status = 'complete'", "lower", 0.05
    ),
    AlertMetric.FIRST_TOKEN: Weekly("first_token_seconds", "1", _TIMED, "higher", 0.25, is_share=False),
    AlertMetric.SPEED: Weekly(
        "completion_tokens",
        "duration_seconds - first_token_seconds",
        f"{_TIMED} AND duration_seconds > first_token_seconds",
        "lower",
        0.25,
        is_share=False,
    ),
}
_SUMS = ",\n      ".join(
    f"sum({w.y}) FILTER (WHERE {w.which})::float8 AS {name}_y, sum({w.n}) FILTER (WHERE {w.which})::float8 AS {name}_n,"
    f" count(*) FILTER (WHERE {w.which}) AS {name}_answers"
    for name, w in WEEKLY.items()
)
_ROWS = ", ".join(f"('{name}', {name}_y, {name}_n, {name}_answers)" for name in WEEKLY)
# Of the version that serves each route now. Its first week counts from its first answer there that is kept; where that
# is longer ago than five weeks, the four weeks before the last one stand for it.
_QUERY = f"""
WITH answers AS MATERIALIZED (
    SELECT outcome.*, route.name AS at, min(outcome.created_at) OVER (PARTITION BY route.name) AS began
    FROM inference_route AS route
    JOIN inference_answeroutcome AS outcome ON outcome.route = route.name AND outcome.version_id = route.version_id
    WHERE outcome.created_at > now() - make_interval(weeks => 5) AND NOT is_trial AND NOT is_cached
      AND (status <> 'blocked' OR completion_tokens > 0)
),
sided AS (
    SELECT *, CASE
      WHEN created_at > now() - make_interval(weeks => 1) THEN 'week'
      WHEN began < now() - interval '34 days' OR created_at < began + make_interval(weeks => 1) THEN 'baseline'
    END AS side
    FROM answers WHERE began < now() - make_interval(weeks => 2)
),
people AS (
    SELECT at, version_id, side, {_SUMS}
    FROM sided WHERE side IS NOT NULL GROUP BY at, version_id, side, user_id
)
SELECT at, version_id, name, side, count(*), sum(answers), sum(y), sum(n), sum(y * y), sum(y * n), sum(n * n)
FROM people, LATERAL (VALUES {_ROWS}) AS figure (name, y, n, answers)
WHERE n > 0
GROUP BY at, version_id, name, side
"""  # noqa: S608 - of constants


@dataclass(frozen=True, slots=True)
class Week:
    """`difference` is the week minus the baseline, turned so that more is worse; None while little is known."""

    metric: AlertMetric
    route: str
    version_id: UUID
    week: Sums
    baseline: Sums
    difference: Difference | None

    @property
    def allowed(self) -> float:
        """How far it may be from the baseline."""
        weekly, usual = WEEKLY[self.metric], self.baseline.rate or 0.0
        return weekly.tolerance if weekly.is_share else weekly.tolerance * usual

    @property
    def has_drifted(self) -> bool:
        """The whole interval of the difference lies beyond what is allowed."""
        enough = min(self.week.answers, self.baseline.answers) >= MIN_ANSWERS
        people = min(self.week.users, self.baseline.users) >= MIN_USERS
        return enough and people and self.difference is not None and self.difference.low > self.allowed

    @property
    def limit(self) -> float:
        """The end of the band on the bad side."""
        usual = self.baseline.rate or 0.0
        return usual + self.allowed if WEEKLY[self.metric].worse == "higher" else max(0.0, usual - self.allowed)


def read_weeks() -> list[Week]:
    with connection.cursor() as cursor:
        cursor.execute(_QUERY)
        rows = cursor.fetchall()
    sums = {(route, version, name, side): _sums(figures) for route, version, name, side, *figures in rows}
    series = sorted({(route, version, name) for route, version, name, _ in sums}, key=str)
    return [_week(*one, sums.get((*one, "week"), Sums()), sums.get((*one, "baseline"), Sums())) for one in series]


def _week(route: str, version_id: UUID, name: str, week: Sums, baseline: Sums) -> Week:
    metric = AlertMetric(name)
    weekly = WEEKLY[metric]
    sides = (baseline, week) if weekly.worse == "higher" else (week, baseline)
    scale = weekly.tolerance if weekly.is_share else weekly.tolerance * (baseline.rate or 1.0)
    difference = compare(*sides, alpha=ALPHA, scale=scale, is_share=weekly.is_share)
    return Week(metric, route, version_id, week, baseline, difference)


def _sums(row: list[float]) -> Sums:
    users, answers, *rest = row
    y, n, yy, yn, nn = (float(value or 0.0) for value in rest)
    return Sums(users=int(users), answers=int(answers), y=y, n=n, yy=yy, yn=yn, nn=nn)
