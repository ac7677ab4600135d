"""Feedback as its author and as those who triage may read it."""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import FilteredRelation, Q, QuerySet

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can
from chatapp.errors import ChatappError
from chatapp.moderation.feedback_search import FeedbackSearch
from chatapp.moderation.models import Exchange, Feedback, FeedbackStatus, Rerun

EVERYTHING = FeedbackSearch()
_WHOLE = ("exchange", "user", "handled_by")


def list_own_ratings(user: User, generation_ids: Iterable[UUID]) -> dict[UUID, bool | None]:
    """Of the user's answers those that can be rated: whether the thumb is up, None without one."""
    given = Q(feedback__user=user) & ~Q(feedback__status=FeedbackStatus.WITHDRAWN)
    exchanges = Exchange.objects.filter(pk__in=list(generation_ids), user=user)
    rated = exchanges.annotate(own=FilteredRelation("feedback", condition=given))
    return dict(rated.values_list("pk", "own__is_positive"))


def find_own_feedback(user: User, generation_id: UUID) -> Feedback | None:
    return _own(user).filter(exchange_id=generation_id).first()


def get_own_feedback(user: User, feedback_id: UUID) -> Feedback:
    """Raises ChatappError("not_found")."""
    feedback = _own(user).filter(id=feedback_id).first()
    if feedback is None:
        raise ChatappError("not_found")
    return feedback


def thumb_of(generation_id: UUID) -> int:
    """-1, 0 or 1, as outcomes of answers keep it."""
    given = Feedback.objects.filter(exchange_id=generation_id).exclude(status=FeedbackStatus.WITHDRAWN)
    return {True: 1, False: -1, None: 0}[given.values_list("is_positive", flat=True).first()]


def list_feedback_for(user: User, search: FeedbackSearch = EVERYTHING) -> QuerySet[Feedback]:
    """Newest first: everybody's for those who triage, else one's own."""
    found = Feedback.objects if can(user, "moderation.triage_feedback") else _own(user)
    return found.select_related(*_WHOLE).filter(search.conditions()).order_by("-created_at", "-pk")


def get_feedback_for(user: User, feedback_id: UUID) -> Feedback:
    """For triage. Raises ChatappError("not_found"), as for one that never existed, to everybody else."""
    feedback = None
    if can(user, "moderation.triage_feedback"):
        feedback = Feedback.objects.select_related(*_WHOLE).filter(id=feedback_id).first()
    if feedback is None:
        raise ChatappError("not_found")
    return feedback


def list_own_reruns(user: User, feedback: Feedback) -> QuerySet[Rerun]:
    """Each saw documents with the rights of who asked, so nobody else sees it."""
    return Rerun.objects.filter(feedback=feedback, asked_by=user)


def _own(user: User) -> QuerySet[Feedback]:
    own = Feedback.objects.select_related("exchange").filter(user=user)
    return own.exclude(status=FeedbackStatus.WITHDRAWN)
