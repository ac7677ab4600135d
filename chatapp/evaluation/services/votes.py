"""What voters do: offer themselves, vote, pass."""

from uuid import UUID

from django.db import IntegrityError, transaction

from chatapp.accounts.models import User
from chatapp.errors import ChatappError
from chatapp.evaluation.comparing.sides import SAID, choice_of, is_first_left
from chatapp.evaluation.models import ComparisonPair, Volunteer, Vote
from chatapp.evaluation.selectors import get_pair_for
from chatapp.text import clean_text

MAX_REASON = 1_000
# What a page says of the time is capped, so that a tab left open over night is no figure.
LONGEST_MILLISECONDS = 3_600_000


def volunteer(*, user: User) -> None:
    """Idempotent."""
    Volunteer.objects.get_or_create(user=user)


def stop_volunteering(*, user: User) -> None:
    """Votes that were given stay. Idempotent."""
    Volunteer.objects.filter(user=user).delete()


def vote(*, user: User, pair_id: UUID, said: str, reason: str = "", milliseconds: int | None = None) -> Vote:
    """`said` is left, right, tie, both_bad or skipped, as the pair stands before this voter.

    The same vote twice is one. Raises ChatappError: not_found (none of the voter's, or no longer open), invalid,
    voted (otherwise already).
    """
    pair = get_pair_for(user, pair_id)
    reason = clean_text(reason)
    problems = [
        (said not in SAID, f"the vote must be one of {', '.join(SAID)}."),
        (len(reason) > MAX_REASON, f"the reason has at most {MAX_REASON:,} characters."),
        (milliseconds is not None and milliseconds < 0, "milliseconds must not be negative."),
    ]
    if detail := next((sentence for wrong, sentence in problems if wrong), None):
        raise ChatappError("invalid", detail=detail)
    return _store(user, pair, said, reason=reason, milliseconds=milliseconds)


def _store(user: User, pair: ComparisonPair, said: str, *, reason: str, milliseconds: int | None) -> Vote:
    first_is_left = is_first_left(pair.pk, user.pk)
    choice = choice_of(said, first_is_left=first_is_left)
    spent = None if milliseconds is None else min(milliseconds, LONGEST_MILLISECONDS)
    try:
        with transaction.atomic():
            return Vote.objects.create(
                pair=pair,
                voter=user,
                choice=choice,
                first_was_left=first_is_left,
                reason=reason,
                milliseconds=spent,
            )
    except IntegrityError:
        given = Vote.objects.filter(pair=pair, voter=user).first()
        if given is None:  # The pair went with its conversation in this moment.
            raise ChatappError("not_found") from None
        if given.choice != choice:
            raise ChatappError("voted") from None
        return given
