"""What a candidate would have answered, beside what people got: figures for operators, texts for reviewers."""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection
from django.db.models import Count, QuerySet
from django.utils import timezone

from chatapp.conversations.shadow_models import ShadowAnswer
from chatapp.evaluation.comparing.paired import judge_pairs
from chatapp.inference.models import Rollout, ShadowOutcome, ShadowState
from chatapp.inference.rollouts.guards import GUARDS
from chatapp.inference.rollouts.statistics import Sums
from chatapp.inference.rollouts.verdicts import GuardVerdict
from chatapp.moderation.models import Exchange

# By then an unseen answer that still waits was lost on the way: it is counted as skipped.
PATIENCE = timedelta(minutes=10)
# Of each figure: the baseline's, the candidate's, and which pairs it is of.
_COUNTED = {
    "errors": ("(status <> 'complete')::int", "(state = 'failed')::int", "true"),
    "cut": ("b_cut::int", "c_cut::int", "is_whole"),
    "refusals": ("b_refusal::int", "c_refusal::int", "is_whole"),
    "support": (
        "b_supported::float8 / greatest(b_cited, 1)",
        "c_supported::float8 / greatest(c_cited, 1)",
        "is_whole AND sources > 0 AND NOT b_refusal AND NOT c_refusal",
    ),
    "flags": ("(b_flags > 0)::int", "(c_flags > 0)::int", "is_whole"),
    "speed": ("b_tokens / b_writing", "c_tokens / c_writing", "is_whole AND b_writing > 0 AND c_writing > 0"),
    "tokens": ("b_tokens", "c_tokens", "is_whole"),
    "first_token": ("b_first", "c_first", "is_whole AND b_first IS NOT NULL AND c_first IS NOT NULL"),
}
# What is evaluated is decided row by row: no quotient of a pair that does not count.
_ROWS = ", ".join(
    f"('{name}', CASE WHEN {which} THEN ({b})::float8 END, CASE WHEN {which} THEN ({c})::float8 END)"
    for name, (b, c, which) in _COUNTED.items()
)
_QUERY = f"""
WITH pairs AS (
    SELECT s.user_id, s.state, b.status, b.sources, s.state = 'complete' AND b.status = 'complete' AS is_whole,
      b.is_cut AS b_cut, s.is_cut AS c_cut, b.is_refusal AS b_refusal, s.is_refusal AS c_refusal,
      b.supported AS b_supported, s.supported AS c_supported, b.cited AS b_cited, s.cited AS c_cited,
      s.baseline_flags AS b_flags, s.flags AS c_flags,
      b.completion_tokens AS b_tokens, s.completion_tokens AS c_tokens,
      b.first_token_seconds AS b_first, s.first_token_seconds AS c_first,
      b.duration_seconds - b.first_token_seconds AS b_writing, s.duration_seconds - s.first_token_seconds AS c_writing
    FROM inference_shadowoutcome s JOIN inference_answeroutcome b USING (generation_id)
    WHERE s.rollout_id = %(rollout)s AND s.state IN ('complete', 'failed', 'blocked')
),
people AS (
    SELECT name, user_id, count(*)::float8 AS n, sum(b) AS b, sum(c) AS c, sum(c) - sum(b) AS d
    FROM pairs, LATERAL (VALUES {_ROWS}) AS figure (name, b, c)
    WHERE b IS NOT NULL
    GROUP BY name, user_id
)
SELECT name, count(*), sum(n), sum(b), sum(c), sum(d), sum(d * d), sum(d * n), sum(n * n) FROM people GROUP BY name
"""  # noqa: S608 - of constants


@dataclass(frozen=True, slots=True)
class Means:
    """Of both sides, over the pairs that this is of."""

    baseline: float
    candidate: float
    differences: Sums


@dataclass(frozen=True, kw_only=True)
class ShadowFigures:
    """Of answers that both versions wrote. `guards` are judged pair by pair; the rest is told, and not judged.

    The baseline's first words waited for search and shared the machine, the candidate's did neither: what
    `first_token` says is no comparison of speed. `blocked` ones have no counterpart, since of an answer that a policy
    took away no unseen one is made.
    """

    complete: int
    failed: int
    blocked: int
    skipped: int
    waiting: int
    guards: list[GuardVerdict]
    tokens: Means | None = None
    first_token: Means | None = None

    @property
    def pairs(self) -> int:
        return self.complete + self.failed + self.blocked


def shadow_figures(rollout: Rollout) -> ShadowFigures:
    counts = _count_states(rollout)
    means = _read_means(rollout)
    judged = [name for name in GUARDS if name in means and name != "first_token"]
    alpha = rollout.alpha / max(len(judged), 1)
    return ShadowFigures(
        complete=counts[ShadowState.COMPLETE],
        failed=counts[ShadowState.FAILED],
        blocked=counts[ShadowState.BLOCKED],
        skipped=counts[ShadowState.SKIPPED],
        waiting=counts[ShadowState.WAITING],
        guards=[_judge(name, means[name], alpha) for name in judged],
        tokens=means.get("tokens"),
        first_token=means.get("first_token"),
    )


def list_shadow_answers_of(rollout: Rollout) -> QuerySet[ShadowAnswer]:
    """The newest first, of conversations that their owners have not deleted."""
    kept = ShadowAnswer.objects.filter(rollout=rollout, generation__message__conversation__deleted_at=None)
    return kept.order_by("-created_at", "-pk")


def find_exchange_of(shadow: ShadowAnswer) -> Exchange | None:
    """None when it is gone, or when a policy or a reviewer took its answer away."""
    return Exchange.objects.filter(pk=shadow.generation_id, original="").first()


def _count_states(rollout: Rollout) -> Counter[str]:
    outcomes = ShadowOutcome.objects.filter(rollout=rollout).order_by()
    counts = Counter(dict(outcomes.values_list("state").annotate(Count("pk"))))
    lost = outcomes.filter(state=ShadowState.WAITING, created_at__lt=timezone.now() - PATIENCE).count()
    counts.update({ShadowState.WAITING: -lost, ShadowState.SKIPPED: lost})
    return counts


def _read_means(rollout: Rollout) -> dict[str, Means]:
    with connection.cursor() as cursor:
        cursor.execute(_QUERY, {"rollout": rollout.pk})
        rows = cursor.fetchall()
    return {
        name: Means(b / n, c / n, Sums(users=users, answers=int(n), y=d, n=n, yy=dd, yn=dn, nn=nn))
        for name, users, n, b, c, d, dd, dn, nn in rows
    }


def _judge(name: str, means: Means, alpha: float) -> GuardVerdict:
    return judge_pairs(
        GUARDS[name],
        baseline=means.baseline,
        candidate=means.candidate,
        differences=means.differences,
        alpha=alpha,
    )
