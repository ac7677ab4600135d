"""The guards' figures of both arms, in one statement: sums of each person first, then what the statistics need of them.

So the judge reads a few rows, however many people there are. Whoever was erased counts as one person together.
Answers out of the cache are left out, since a candidate's cache is empty at first, and so are trials and questions that
no version was asked. An answer that a fallback gave is an error of its arm, and tells nothing else of it.

While a share grows, most answers of the baseline are early and most of the candidate late, so that a bad hour would
look like a bad candidate (Simpson's paradox; Crook et al., Seven Pitfalls to Avoid when Running Controlled Experiments,
KDD 2009). So each of the baseline counts by the odds of the candidate's share when it was given, the latest as one.
"""

from dataclasses import dataclass
from datetime import timedelta

from django.db import connection

from chatapp.inference.models import Arm, Rollout
from chatapp.inference.rollouts.guards import GUARDS
from chatapp.inference.rollouts.statistics import Sums

HISTORY = timedelta(days=7)
_IN_STAGE = "in_stage"
# Of each guard: y and n of an answer, and which answers it is about. `is_own`: its arm's version wrote it.
_COUNTED = {
    _IN_STAGE: ("1", "1", "in_stage"),
    "errors": ("is_error::int", "1", "true"),
    "first_token": ("(first_token_seconds > late.seconds)::int", "1", "is_timed"),
    "speed": ("completion_tokens", "duration_seconds - first_token_seconds", "is_timed AND writes_on"),
    "cut": ("is_cut::int", "1", "is_own"),
    "refusals": ("is_refusal::int", "1", "is_whole"),
    "support": ("supported::float8 / greatest(cited, 1)", "1", "is_whole AND sources > 0 AND NOT is_refusal"),
    "flags": ("(flags > 0)::int", "1", "is_own"),
    "thumbs_down": ("(thumb < 0)::int", "1", "is_own"),
}
_SUMS = ",\n      ".join(
    f"sum(weight * ({y})) FILTER (WHERE {which}) AS {name}_y, sum(weight * ({n})) FILTER (WHERE {which}) AS {name}_n, "
    f"count(*) FILTER (WHERE {which}) AS {name}_answers"
    for name, (y, n, which) in _COUNTED.items()
)
_ROWS = ", ".join(f"('{name}', {name}_y, {name}_n, {name}_answers)" for name in _COUNTED)
# Statuses are those of conversations. The history is of the time before the rollout, in which nobody had an arm, or
# had the baseline as one of an earlier rollout's.
_QUERY = f"""
WITH plan AS (
    SELECT array_agg(at ORDER BY at, id) AS starts, array_agg(odds / top ORDER BY at, id) AS weights
    FROM (
        SELECT id, at, odds, max(odds) OVER () AS top
        FROM inference_rolloutstep, LATERAL (SELECT share_after / (100 - share_after)) AS each (odds)
        WHERE rollout_id = %(rollout)s AND share_after > 0 AND share_after < 100
    ) AS step
),
drawn AS (
    SELECT *, arm AS side, created_at >= %(stage_start)s AS in_stage FROM inference_answeroutcome
    WHERE rollout_id = %(rollout)s AND arm <> ''
  UNION ALL
    SELECT past.*, 'baseline', false
    FROM inference_answeroutcome AS past LEFT JOIN inference_rollout AS earlier ON earlier.id = past.rollout_id
    WHERE %(with_history)s AND past.route = %(route)s
      AND past.created_at >= %(history_start)s AND past.created_at < %(start)s
      AND CASE past.arm WHEN 'baseline' THEN earlier.baseline_id = %(baseline)s
        WHEN 'candidate' THEN earlier.candidate_id = %(baseline)s
        ELSE past.rollout_id IS NULL AND (past.version_id = %(baseline)s OR past.is_fallback) END
),
answers AS (
    SELECT drawn.*, CASE WHEN rollout_id IS DISTINCT FROM %(rollout)s OR arm <> 'baseline' THEN 1.0::float8
        ELSE COALESCE(weights[greatest(width_bucket(created_at, starts), 1)], 1.0) END AS weight,
      NOT is_fallback AS is_own, NOT is_fallback AND status = 'complete' AS is_whole,
      NOT is_fallback AND completion_tokens > 0 AND first_token_seconds IS NOT NULL AS is_timed,
      is_fallback OR status IN ('failed', 'interrupted') AS is_error,
      duration_seconds > first_token_seconds AS writes_on
    FROM drawn, plan
    WHERE NOT is_trial AND NOT is_cached AND (status <> 'blocked' OR completion_tokens > 0)
),
late AS MATERIALIZED (
    SELECT %(late)s * percentile_cont(0.95) WITHIN GROUP (ORDER BY first_token_seconds) AS seconds
    FROM answers WHERE side = 'baseline' AND is_timed
),
people AS (
    SELECT side, {_SUMS}
    FROM answers, late GROUP BY side, user_id
)
SELECT side, name, count(*), sum(answers), sum(y), sum(n), sum(y * y), sum(y * n), sum(n * n),
  (SELECT seconds FROM late)
FROM people, LATERAL (VALUES {_ROWS}) AS figure (name, y, n, answers)
WHERE n > 0
GROUP BY side, name
"""  # noqa: S608 - of constants


@dataclass(frozen=True, kw_only=True)
class ArmFigures:
    """`sums` are by arm and guard. `late_seconds`: later than that are first words late.

    `stage_answers` and `stage_users` are the candidate's in the present stage. `from_history`: the baseline's answers
    of the 7 days before the rollout were added, because nobody is left to meet it.
    """

    sums: dict[str, dict[str, Sums]]
    stage_answers: int = 0
    stage_users: int = 0
    late_seconds: float | None = None
    from_history: bool = False

    def of(self, arm: str, guard: str) -> Sums:
        return self.sums.get(arm, {}).get(guard) or Sums()


def arm_figures(rollout: Rollout, *, with_history: bool = False) -> ArmFigures:
    """Of all answers since the rollout began. `with_history` adds the baseline's of the 7 days before."""
    tolerance = rollout.guards.get("first_token", {}).get("tolerance", GUARDS["first_token"].tolerance)
    parameters = {
        "rollout": rollout.id,
        "route": rollout.route_id,
        "baseline": rollout.baseline_id,
        "stage_start": rollout.stage_started_at,
        "start": rollout.created_at,
        "history_start": rollout.created_at - HISTORY,
        "with_history": with_history,
        "late": 1 + tolerance,
    }
    sums: dict[str, dict[str, Sums]] = {arm: {} for arm in Arm.values}
    late = None
    with connection.cursor() as cursor:
        cursor.execute(_QUERY, parameters)
        for side, name, users, answers, y, n, yy, yn, nn, seconds in cursor.fetchall():
            sums[side][name] = Sums(
                users=users, answers=int(answers), y=y or 0.0, n=n, yy=yy or 0.0, yn=yn or 0.0, nn=nn
            )
            late = seconds
    in_stage = sums[Arm.CANDIDATE].get(_IN_STAGE, Sums())
    return ArmFigures(
        sums=sums,
        stage_answers=in_stage.answers,
        stage_users=in_stage.users,
        late_seconds=late,
        from_history=with_history,
    )
