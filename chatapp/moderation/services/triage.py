"""What those who triage do with feedback. Each step is an audit event; none holds what was written."""

from collections.abc import Iterable
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from chatapp.accounts.models import User
from chatapp.accounts.permissions import require
from chatapp.accounts.services import record_event
from chatapp.errors import ChatappError
from chatapp.moderation.feedback_search import FeedbackSearch
from chatapp.moderation.models import Feedback, FeedbackStatus, Rerun
from chatapp.moderation.selectors.feedback import get_feedback_for
from chatapp.moderation.services.notices import notify_employee
from chatapp.text import clean_text

MAX_NOTE_CHARACTERS = 2000
MAX_REASON_CHARACTERS = 500
_SET_BY_HAND = (FeedbackStatus.ACKNOWLEDGED, FeedbackStatus.DONE)


def open_feedback(*, user: User, feedback_id: UUID) -> Feedback:
    """One feedback with its exchange, which somebody else wrote: to read it is an audit event.

    Raises ChatappError("not_found").
    """
    feedback = get_feedback_for(user, feedback_id)
    record_event(actor=user, action="moderation.feedback_read", obj=feedback)
    return feedback


def unmask_feedback(*, user: User, feedback_id: UUID, reason: str) -> Feedback:
    """For one look at the personal data in it; the caller shows it and keeps nothing.

    Raises ChatappError: not_found, forbidden, invalid.
    """
    feedback = get_feedback_for(user, feedback_id)
    require(user, "moderation.unmask")
    record_event(actor=user, action="moderation.feedback_unmasked", obj=feedback, reason=_reason(reason))
    return feedback


def record_feedback_listed(*, user: User, feedback_ids: Iterable[UUID]) -> None:
    """A list shows the beginnings of what other people wrote."""
    listed = [str(feedback_id) for feedback_id in feedback_ids]
    if listed:
        record_event(actor=user, action="moderation.feedback_listed", detail={"feedback": listed})


def set_feedback_status(*, user: User, feedback_id: UUID, status: str) -> Feedback:
    """`status` is acknowledged or done; a second time changes nothing.

    Raises ChatappError: not_found, invalid, feedback_over (it was taken back, or is done and would be acknowledged).
    """
    if status not in _SET_BY_HAND:
        raise ChatappError("invalid", detail=f"status must be one of {', '.join(_SET_BY_HAND)}.")
    is_done = status == FeedbackStatus.DONE
    with transaction.atomic():
        feedback = _lock(user, feedback_id)
        if feedback.status == FeedbackStatus.DONE and not is_done:
            raise ChatappError("feedback_over")
        if feedback.status == FeedbackStatus.NEW or (is_done and feedback.status != FeedbackStatus.DONE):
            action = "moderation.feedback_done" if is_done else "moderation.feedback_acknowledged"
            _handle(user, feedback, action, status=status)
    return feedback


def set_feedback_note(*, user: User, feedback_id: UUID, note: str) -> Feedback:
    """For those who triage, never for the employee; "" removes it. Raises ChatappError: not_found, invalid."""
    cleaned = _words(note, "note", empty=True)
    with transaction.atomic():
        feedback = _lock(user, feedback_id)
        if feedback.note != cleaned:
            _handle(user, feedback, "moderation.feedback_noted", note=cleaned)
    return feedback


def answer_feedback(*, user: User, feedback_id: UUID, reply: str) -> Feedback:
    """The employee gets it as a notice. A later reply is another notice. Raises ChatappError: not_found, invalid."""
    cleaned = _words(reply, "reply")
    with transaction.atomic():
        feedback = _lock(user, feedback_id)
        if not feedback.user.is_active:
            raise ChatappError("invalid", detail="this account is closed, so nobody would read the reply.")
        notify_employee(user=feedback.user, generation_id=feedback.exchange_id, text=cleaned)
        done = feedback.status == FeedbackStatus.DONE
        status = FeedbackStatus.DONE if done else FeedbackStatus.ANSWERED
        _handle(user, feedback, "moderation.feedback_answered", reply=cleaned, status=status)
    return feedback


def record_rerun(*, user: User, feedback: Feedback, generation_id: UUID, model_version: str) -> Rerun:
    """Notes that the question was asked again; who asks has checked the rights."""
    record_event(
        actor=user,
        action="moderation.feedback_rerun",
        obj=feedback,
        detail={"version": model_version, "generation": str(generation_id)},
    )
    return Rerun.objects.create(
        generation_id=generation_id, feedback=feedback, asked_by=user, model_version=model_version
    )


def begin_feedback_export(*, user: User, search: FeedbackSearch, reason: str, limit: int) -> None:
    """It takes what people wrote out of the product, so it needs a reason. Raises ChatappError: forbidden, invalid."""
    require(user, "moderation.export_feedback")
    detail: dict[str, object] = {"search": search.as_fields(), "limit": limit}
    record_event(actor=user, action="moderation.feedback_exported", reason=_reason(reason), detail=detail)


def _lock(user: User, feedback_id: UUID) -> Feedback:
    """Two who triage at once follow each other. Raises ChatappError: not_found, feedback_over (it was taken back)."""
    get_feedback_for(user, feedback_id)
    feedback = Feedback.objects.select_for_update(of=("self",)).select_related("user").filter(id=feedback_id).first()
    if feedback is None:
        raise ChatappError("not_found")
    if feedback.status == FeedbackStatus.WITHDRAWN:
        raise ChatappError("feedback_over")
    return feedback


def _handle(user: User, feedback: Feedback, action: str, **changes: str) -> None:
    before = feedback.status
    Feedback.objects.filter(id=feedback.pk).update(**changes, handled_by=user, handled_at=Now())
    feedback.refresh_from_db()
    record_event(actor=user, action=action, obj=feedback, before={"status": before}, after={"status": feedback.status})


def _words(text: str, name: str, *, empty: bool = False) -> str:
    cleaned = clean_text(text)
    if len(cleaned) > MAX_NOTE_CHARACTERS or not (cleaned or empty):
        raise ChatappError("invalid", detail=f"the {name} must have 1 to {MAX_NOTE_CHARACTERS:,} characters.")
    return cleaned


def _reason(text: str) -> str:
    cleaned = clean_text(text)
    if not cleaned or len(cleaned) > MAX_REASON_CHARACTERS:
        raise ChatappError("invalid", detail=f"say why, in 1 to {MAX_REASON_CHARACTERS} characters.")
    return cleaned
