"""Which of the two answers a voter sees on the left: by chance, and always the same for a voter and a pair."""

from uuid import UUID

from django.utils.crypto import salted_hmac

from chatapp.evaluation.models import Choice, Vote

LEFT, RIGHT = "left", "right"
# What a voter may say of a pair, as page and API name it.
SAID = (LEFT, RIGHT, Choice.TIE.value, Choice.BOTH_BAD.value, Choice.SKIPPED.value)


def is_first_left(pair_id: UUID, voter_id: UUID) -> bool:
    """Keyed by the installation's secret, so that nobody works it out from the ids on the page."""
    return salted_hmac("chatapp.evaluation.sides", f"{pair_id}:{voter_id}", algorithm="sha256").digest()[0] % 2 == 0


def choice_of(said: str, *, first_is_left: bool) -> Choice:
    """`said` is one of SAID."""
    if said in {LEFT, RIGHT}:
        return Choice.FIRST if (said == LEFT) == first_is_left else Choice.SECOND
    return Choice(said)


def side_of(vote: Vote) -> str:
    """What the voter said, one of SAID."""
    if vote.choice in {Choice.FIRST, Choice.SECOND}:
        return LEFT if (vote.choice == Choice.FIRST) == vote.first_was_left else RIGHT
    return str(vote.choice)
