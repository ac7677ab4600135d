"""What an employee says of an answer of theirs. Whose answer it is, `conversations.services` has checked."""

from collections.abc import Collection
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from chatapp.accounts.models import User
from chatapp.errors import ChatappError
from chatapp.holds import covers_person
from chatapp.moderation.metrics import FEEDBACK
from chatapp.moderation.models import Exchange, Feedback, FeedbackReason, FeedbackStatus
from chatapp.text import clean_text

MAX_FEEDBACK_CHARACTERS = 2000


@transaction.atomic
def give_feedback(
    *, user: User, generation_id: UUID, is_positive: bool, reasons: Collection[str] = (), text: str = ""
) -> tuple[Feedback, bool]:
    """Keeps it, in place of what the user said of the answer before; True when nothing had been said.

    Triage looks again at what was changed. Raises ChatappError: not_found (no exchange of the user's, any more),
    invalid.
    """
    said = {"is_positive": is_positive, "reasons": _checked(reasons, is_positive=is_positive), "text": _cleaned(text)}
    # Locked, so that two tabs at once make one row.
    exchange = Exchange.objects.select_for_update().filter(pk=generation_id, user=user).only("pk").first()
    if exchange is None:
        raise ChatappError("not_found")
    before = Feedback.objects.filter(exchange=exchange, user=user).first()
    if before is not None and before.status != FeedbackStatus.WITHDRAWN and _same(before, said):
        return before, False
    feedback, _ = Feedback.objects.update_or_create(
        exchange=exchange, user=user, defaults={**said, "status": FeedbackStatus.NEW}
    )
    if before is None or before.is_positive != is_positive:
        rating = "up" if is_positive else "down"
        transaction.on_commit(lambda: FEEDBACK.labels(rating=rating).inc())
    return feedback, before is None or before.status == FeedbackStatus.WITHDRAWN


@transaction.atomic
def take_back_feedback(*, user: User, generation_id: UUID) -> bool:
    """Nobody sees it any more; False when there was none. A legal hold keeps the row, marked as withdrawn."""
    own = Feedback.objects.filter(exchange_id=generation_id, user=user).exclude(status=FeedbackStatus.WITHDRAWN)
    if covers_person(user.pk):
        return bool(own.update(status=FeedbackStatus.WITHDRAWN, updated_at=Now()))
    return bool(own.delete()[0])


def _checked(reasons: Collection[str], *, is_positive: bool) -> list[str]:
    """In the order in which they are offered, each once."""
    if unknown := set(reasons) - set(FeedbackReason.values):
        names = ", ".join(FeedbackReason.values)
        raise ChatappError("invalid", detail=f"{min(unknown)[:40]!r} is no reason; there are {names}.")
    if is_positive and reasons:
        raise ChatappError("invalid", detail="reasons say what is wrong with an answer, so they go with a thumb down.")
    return [reason for reason in FeedbackReason.values if reason in reasons]


def _cleaned(text: str) -> str:
    cleaned = clean_text(text)
    if len(cleaned) > MAX_FEEDBACK_CHARACTERS:
        raise ChatappError("invalid", detail=f"the text has at most {MAX_FEEDBACK_CHARACTERS:,} characters.")
    return cleaned


def _same(feedback: Feedback, said: dict[str, object]) -> bool:
    return all(getattr(feedback, name) == value for name, value in said.items())
