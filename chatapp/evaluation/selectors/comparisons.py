"""Blind comparisons, as operators see them: their progress, and what the votes say."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can
from chatapp.conversations.models import Generation
from chatapp.errors import ChatappError
from chatapp.evaluation.comparing.preference import Ballot, WinRate, agreement, win_rate
from chatapp.evaluation.models import (
    Choice,
    Comparison,
    ComparisonPair,
    PairState,
    QuestionsFrom,
    Vote,
)
from chatapp.inference.models import Rollout
from chatapp.retrieval.selectors import list_collections_for

# Of each comparison; with MOST_PAIRS and MOST_VOTES more cannot be given.
MOST_BALLOTS = 10_000
LISTED = 50


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    comparison: Comparison
    wins: WinRate  # Of its first version.
    agreement: float | None


@dataclass(frozen=True, slots=True)
class QuestionRow:
    """One pair with its votes. `question` is None where the reader may not see it."""

    pair: ComparisonPair
    question: str | None
    wins: WinRate
    reasons: list[str]


def list_comparisons_for(user: User) -> QuerySet[Comparison]:
    """Newest first, with `ready`, `failed` and `total` of their pairs; none for those who do not operate models."""
    if not can(user, "evaluation.view_gate"):
        return Comparison.objects.none()
    return _with_counts(Comparison.objects.all())


def get_comparison_for(user: User, comparison_id: UUID) -> Comparison:
    """Raises ChatappError("not_found")."""
    comparison = list_comparisons_for(user).filter(pk=comparison_id).first()
    if comparison is None:
        raise ChatappError("not_found")
    return comparison


def filter_comparisons(
    comparisons: QuerySet[Comparison], *, state: str = "", version: str = ""
) -> QuerySet[Comparison]:
    """`version` is a part of the name of either."""
    if "\0" in state + version:
        return comparisons.none()
    if state:
        comparisons = comparisons.filter(state=state)
    if version:
        comparisons = comparisons.filter(Q(first__name__icontains=version) | Q(second__name__icontains=version))
    return comparisons


def results_of(comparisons: Iterable[Comparison]) -> list[ComparisonRow]:
    """In one query, however many comparisons."""
    rows = list(comparisons)
    ballots: dict[UUID, list[Ballot]] = defaultdict(list)
    for comparison_id, ballot in _ballots(Q(pair__comparison__in=[row.pk for row in rows])):
        ballots[comparison_id].append(ballot)
    return [ComparisonRow(row, win_rate(ballots[row.pk]), agreement(ballots[row.pk])) for row in rows]


def comparisons_of(rollout: Rollout) -> list[ComparisonRow]:
    """Those of its two versions, newest first; `wins` are the candidate's, whichever was first."""
    pair = Q(first=rollout.baseline_id, second=rollout.candidate_id)
    turned = Q(first=rollout.candidate_id, second=rollout.baseline_id)
    rows = results_of(_with_counts(Comparison.objects.filter(pair | turned))[:LISTED])
    candidate = rollout.candidate_id
    return [
        row if row.comparison.first_id == candidate else ComparisonRow(row.comparison, row.wins.reversed, row.agreement)
        for row in rows
    ]


def list_questions_for(user: User, comparison: Comparison) -> list[QuestionRow]:
    """Of a comparison that the user was given, in its order. Texts only for those who might vote on them."""
    may_read = may_read_pairs(user, comparison)
    votes: dict[UUID, list[Vote]] = defaultdict(list)
    for vote in Vote.objects.filter(pair__comparison=comparison)[:MOST_BALLOTS]:
        votes[vote.pair_id].append(vote)
    pairs = ComparisonPair.objects.filter(comparison=comparison)
    return [_question_row(pair, votes[pair.pk], may_read=may_read) for pair in pairs]


def may_read_pairs(user: User, comparison: Comparison) -> bool:
    """What documents say only for who may read them; what was made of conversations for reviewers."""
    if comparison.questions_from == QuestionsFrom.SHADOW:
        return can(user, "moderation.review_flag")
    collection = comparison.collection_id
    return collection is None or list_collections_for(user).filter(pk=collection).exists()


def find_trial(generation_id: UUID | None) -> Generation | None:
    """With its message; None when it is gone."""
    if generation_id is None:
        return None
    return Generation.objects.select_related("message").filter(pk=generation_id).first()


def _with_counts(comparisons: QuerySet[Comparison]) -> QuerySet[Comparison]:
    pairs = {state: Count("pairs", filter=Q(pairs__state=state)) for state in (PairState.READY, PairState.FAILED)}
    related = comparisons.select_related("first", "second", "rollout", "collection", "started_by")
    return related.annotate(total=Count("pairs"), ready=pairs[PairState.READY], failed=pairs[PairState.FAILED])


def _ballots(which: Q) -> list[tuple[UUID, Ballot]]:
    """By comparison."""
    votes = Vote.objects.filter(which).exclude(choice=Choice.SKIPPED)
    rows = votes.values_list("pair__comparison_id", "pair_id", "voter_id", "pk", "choice")
    return [
        (comparison, Ballot(voter=_voter_of(voter, key), question=pair, choice=Choice(choice)))
        for comparison, pair, voter, key, choice in rows
    ]


def _voter_of(voter_id: UUID | None, vote_id: int) -> UUID | int:
    """Whose vote it was is not known any more after an erasure: each such vote is a voter then."""
    return vote_id if voter_id is None else voter_id


def _question_row(pair: ComparisonPair, votes: list[Vote], *, may_read: bool) -> QuestionRow:
    counted = [vote for vote in votes if vote.choice != Choice.SKIPPED]
    ballots = [Ballot(_voter_of(vote.voter_id, vote.pk), pair.pk, Choice(vote.choice)) for vote in counted]
    reasons = [vote.reason for vote in votes if vote.reason] if may_read else []
    return QuestionRow(pair, pair.question if may_read else None, win_rate(ballots), reasons)
