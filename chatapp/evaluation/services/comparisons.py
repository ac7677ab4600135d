"""Blind comparisons: started, closed and cancelled. Their answers are made by `preparing`, their votes by `votes`."""

from collections.abc import Sequence

from django.db import transaction
from django.db.models.functions import Now

from chatapp.accounts.models import User
from chatapp.accounts.permissions import require
from chatapp.accounts.services import record_event
from chatapp.conversations.services import stop_trials
from chatapp.errors import ChatappError
from chatapp.evaluation.comparing.questions import MOST_PAIRS, list_questions, list_shadow_answers
from chatapp.evaluation.models import (
    LIVE_COMPARISON,
    Audience,
    Comparison,
    ComparisonPair,
    ComparisonState,
    PairState,
    QuestionsFrom,
)
from chatapp.inference.models import ModelVersion, Rollout, RolloutKind, VersionState
from chatapp.retrieval.models import Collection
from chatapp.retrieval.selectors import role_of
from chatapp.text import clean_text

MOST_VOTES = 50
MAX_REASON = 500
MAX_LIVE = 20


@transaction.atomic
def start_comparison(
    *,
    user: User,
    first: ModelVersion,
    second: ModelVersion,
    questions_from: str,
    questions: Sequence[str] = (),
    collection: Collection | None = None,
    rollout: Rollout | None = None,
    audience: str = Audience.REVIEWERS,
    votes_wanted: int = 3,
    most_pairs: int = 50,
    reason: str = "",
) -> Comparison:
    """Has both versions asked by and by, as `user`, who must still have the right then; people vote afterwards.

    Questions of a collection are asked of it, and only who may read it gets their pairs; without one no documents are
    used. `shadow` takes the unseen answers of `rollout` that are there now, masked, and asks nothing. Raises
    ChatappError: forbidden, invalid, too_many_comparisons.
    """
    require(user, "evaluation.manage_comparison")
    _check_versions(first, second)
    _check_plan(questions_from, audience=audience, votes_wanted=votes_wanted, most_pairs=most_pairs)
    _check_rollout(rollout, {first.pk, second.pk}, questions_from)
    if collection is not None and role_of(user, collection) is None:
        raise ChatappError("not_found")
    if Comparison.objects.filter(state__in=LIVE_COMPARISON).count() >= MAX_LIVE:
        raise ChatappError("too_many_comparisons", limit=MAX_LIVE)
    comparison = Comparison(
        first=first,
        second=second,
        rollout=rollout,
        questions_from=questions_from,
        collection=None if questions_from == QuestionsFrom.SHADOW else collection,
        audience=audience,
        votes_wanted=votes_wanted,
        reason=clean_text(reason)[:MAX_REASON],
        started_by=user,
    )
    pairs = _make_pairs(comparison, user=user, questions=questions, most=most_pairs)
    comparison.save(force_insert=True)
    ComparisonPair.objects.bulk_create(pairs)
    record_event(
        actor=user,
        action="evaluation.comparison_started",
        obj=comparison,
        detail={"first": first.name, "second": second.name, "pairs": len(pairs), "audience": audience},
        reason=comparison.reason,
    )
    return comparison


@transaction.atomic
def close_comparison(*, user: User, comparison: Comparison) -> Comparison:
    """Nobody votes any more; the votes stand. Raises ChatappError: forbidden, comparison_over."""
    return _end(user, comparison, ComparisonState.CLOSED, "evaluation.comparison_closed")


@transaction.atomic
def cancel_comparison(*, user: User, comparison: Comparison) -> Comparison:
    """Nothing more is asked, and no vote on it counts. Raises ChatappError: forbidden, comparison_over."""
    ended = _end(user, comparison, ComparisonState.CANCELLED, "evaluation.comparison_cancelled")
    asked = ComparisonPair.objects.filter(comparison=ended, state=PairState.ASKED)
    for trials in asked.values_list("first_generation", "second_generation"):
        stop_trials(user=ended.started_by, generation_ids=trials)
    return ended


def _end(user: User, comparison: Comparison, state: ComparisonState, action: str) -> Comparison:
    require(user, "evaluation.manage_comparison")
    locked = Comparison.objects.select_for_update(of=("self",)).select_related("started_by").get(pk=comparison.pk)
    if not locked.is_live:
        raise ChatappError("comparison_over")
    before, locked.state = locked.state, state
    Comparison.objects.filter(pk=locked.pk).update(state=state, finished_at=Now())
    record_event(actor=user, action=action, obj=locked, before={"state": before}, after={"state": str(state)})
    return locked


def _check_versions(first: ModelVersion, second: ModelVersion) -> None:
    if first.pk == second.pk:
        raise ChatappError("invalid", detail="a version cannot be compared with itself.")
    for version in (first, second):
        if not version.writes or version.state in {VersionState.REJECTED, VersionState.RETIRED}:
            raise ChatappError("invalid", detail=f"{version.name} answers nobody.")


def _check_plan(questions_from: str, *, audience: str, votes_wanted: int, most_pairs: int) -> None:
    problems = [
        (questions_from not in QuestionsFrom.values, f"questions_from must be {', '.join(QuestionsFrom.values)}."),
        (audience not in Audience.values, f"audience must be {', '.join(Audience.values)}."),
        (not 1 <= votes_wanted <= MOST_VOTES, f"votes_wanted must be from 1 to {MOST_VOTES}."),
        (not 1 <= most_pairs <= MOST_PAIRS, f"most_pairs must be from 1 to {MOST_PAIRS}."),
        (
            questions_from == QuestionsFrom.SHADOW and audience != Audience.REVIEWERS,
            "only reviewers see what was made of conversations.",
        ),
    ]
    if detail := next((sentence for wrong, sentence in problems if wrong), None):
        raise ChatappError("invalid", detail=detail)


def _check_rollout(rollout: Rollout | None, versions: set[object], questions_from: str) -> None:
    if rollout is not None and {rollout.baseline_id, rollout.candidate_id} != versions:
        raise ChatappError("invalid", detail="the rollout is of two other versions.")
    if questions_from == QuestionsFrom.SHADOW and (rollout is None or rollout.kind != RolloutKind.SHADOW):
        raise ChatappError("invalid", detail="unseen answers are of a shadow rollout: name it.")


def _make_pairs(comparison: Comparison, *, user: User, questions: Sequence[str], most: int) -> list[ComparisonPair]:
    if comparison.questions_from == QuestionsFrom.SHADOW:
        made = [ComparisonPair(shadow=shadow) for shadow in list_shadow_answers(comparison, most=most)]
    else:
        asked = list_questions(comparison, user=user, typed=questions, most=most)
        made = [ComparisonPair(question=text) for text in asked]
    if not made:
        raise ChatappError("invalid", detail="there is no question to ask.")
    for ordinal, pair in enumerate(made):
        pair.comparison, pair.ordinal = comparison, ordinal
    return made
