"""What a voter may see: pairs of open comparisons, without a word of which version wrote what."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can
from chatapp.errors import ChatappError
from chatapp.evaluation.comparing.sides import is_first_left
from chatapp.evaluation.models import (
    Audience,
    Choice,
    ComparisonPair,
    ComparisonState,
    PairState,
    Volunteer,
    Vote,
)
from chatapp.moderation.models import Exchange
from chatapp.retrieval.selectors import list_collections_for


@dataclass(frozen=True, slots=True)
class ShownPair:
    """As one voter sees it."""

    id: UUID
    question: str
    left: str
    right: str


@dataclass(frozen=True, slots=True)
class Ballots:
    """How far a voter is: what they voted on, and what waits for them."""

    is_volunteer: bool
    is_reviewer: bool
    given: int
    waiting: int
    pair: ShownPair | None

    @property
    def may_vote(self) -> bool:
        return self.is_volunteer or self.is_reviewer


def is_volunteer(user: User) -> bool:
    return Volunteer.objects.filter(user=user).exists()


def get_pair_for(user: User, pair_id: UUID) -> ComparisonPair:
    """One that the user may vote on, or has voted on. Raises ChatappError("not_found")."""
    pair = _open_pairs(user).filter(pk=pair_id).first()
    if pair is None:
        raise ChatappError("not_found")
    return pair


def ballots_of(user: User) -> Ballots:
    """The next pair is one with the fewest votes, so that all questions get some."""
    waiting = _waiting(user)
    pair = waiting.first()
    return Ballots(
        is_volunteer=is_volunteer(user),
        is_reviewer=can(user, "moderation.review_flag"),
        given=Vote.objects.filter(voter=user).exclude(choice=Choice.SKIPPED).count(),
        waiting=waiting.count(),
        pair=_shown(pair, user) if pair else None,
    )


def _waiting(user: User) -> QuerySet[ComparisonPair]:
    given = Count("votes", filter=~Q(votes__choice=Choice.SKIPPED))
    mine = Vote.objects.filter(pair=OuterRef("pk"), voter=user)
    waiting = _open_pairs(user).exclude(Exists(mine)).annotate(votes_given=given)
    return waiting.filter(votes_given__lt=F("comparison__votes_wanted")).order_by("votes_given", "pk")


def _open_pairs(user: User) -> QuerySet[ComparisonPair]:
    audiences = [Audience.VOLUNTEERS] if is_volunteer(user) else []
    audiences += [Audience.REVIEWERS] if can(user, "moderation.review_flag") else []
    readable = Q(comparison__collection=None) | Q(comparison__collection__in=list_collections_for(user).order_by())
    # A reviewer may have taken the answer away since the pair was made of it.
    taken_back = Exchange.objects.filter(pk=OuterRef("shadow__generation_id")).exclude(original="")
    pairs = ComparisonPair.objects.filter(readable, ~Exists(taken_back), state=PairState.READY)
    return pairs.filter(comparison__state=ComparisonState.OPEN, comparison__audience__in=audiences)


def _shown(pair: ComparisonPair, user: User) -> ShownPair:
    texts = (pair.first_text, pair.second_text)
    left, right = texts if is_first_left(pair.pk, user.pk) else texts[::-1]
    return ShownPair(pair.pk, pair.question, left, right)
