"""The selectors of readings: who asked, who may read now, and what people see of it."""

from uuid import UUID

from django.db.models import Count, Max, Q, QuerySet
from django.db.models.functions import Now

from chatapp.accounts.models import AuditEvent, User
from chatapp.accounts.permissions import can
from chatapp.conversations.models import Conversation
from chatapp.conversations.reading_models import Reading, ReadingGrant, ReadingState
from chatapp.conversations.selectors import Turn, get_thread_for
from chatapp.errors import ChatappError
from chatapp.moderation.models import Flag

LISTED_CONVERSATIONS = 200
LISTED_REVIEWS = 100
MAX_FLAGS = 1000
REVIEWED = ("moderation.flag_read", "moderation.original_read")


def list_reading_grants_for(user: User) -> QuerySet[ReadingGrant]:
    """Of everybody. The newest first."""
    grants = ReadingGrant.objects.select_related("person", "requested_by", "decided_by").annotate(
        opened=Count("readings"), last_opened_at=Max("readings__at")
    )
    return grants if can(user, "conversations.view_readings") else grants.none()


def get_reading_grant_for(user: User, grant_id: UUID) -> ReadingGrant:
    """Raises ChatappError("not_found")."""
    grant = list_reading_grants_for(user).filter(id=grant_id).first()
    if grant is None:
        raise ChatappError("not_found")
    return grant


def get_open_grant_for(user: User, grant_id: UUID) -> ReadingGrant:
    """One that lets this user read now. Raises ChatappError("not_found") for all others, also for one that ran out."""
    open_now = ReadingGrant.objects.filter(state=ReadingState.APPROVED, until__gt=Now(), decided_by__isnull=False)
    grant = open_now.select_related("person").filter(requested_by=user, id=grant_id).first()
    if grant is None or not can(user, "conversations.request_reading"):
        raise ChatappError("not_found")
    return grant


def list_granted_conversations(grant: ReadingGrant) -> QuerySet[Conversation]:
    """What the grant, which the caller got from `get_open_grant_for`, is for."""
    covered = Q() if grant.whole_person else Q(id=grant.conversation_id)
    return Conversation.objects.filter(covered, owner_id=grant.person_id).order_by("-updated_at", "-id")


def get_granted_thread_for(
    user: User, grant_id: UUID, conversation_id: UUID, leaf_id: UUID | None = None
) -> tuple[ReadingGrant, Conversation, list[Turn]]:
    """Raises ChatappError("not_found") where no grant lets this user read this conversation now."""
    grant = get_open_grant_for(user, grant_id)
    conversation = list_granted_conversations(grant).filter(id=conversation_id).first()
    if conversation is None:
        raise ChatappError("not_found")
    return grant, conversation, get_thread_for(grant.person, conversation_id, leaf_id)


def list_grants_about(user: User) -> QuerySet[ReadingGrant]:
    """What the person themselves may know: each grant that was given, with what was opened under it."""
    given = ReadingGrant.objects.filter(person=user, decided_at__isnull=False).exclude(state=ReadingState.REFUSED)
    parts = given.select_related("requested_by", "decided_by", "conversation").prefetch_related(
        "readings__conversation"
    )
    return parts.order_by("-created_at", "-id")


def find_last_reading(user: User, conversation_id: UUID) -> Reading | None:
    """For the notice on the owner's own page."""
    readings = Reading.objects.filter(conversation_id=conversation_id, grant__person=user)
    return readings.select_related("grant__requested_by").order_by("-at").first()


def list_reviews_about(user: User) -> list[AuditEvent]:
    """When reviewers opened the user's flagged questions and answers; the newest LISTED_REVIEWS."""
    flags = Flag.objects.filter(exchange__user=user).values_list("id", flat=True)[:MAX_FLAGS]
    opened = AuditEvent.objects.filter(action__in=REVIEWED, object_id__in=[str(flag) for flag in flags])
    return list(opened.defer("search").order_by("-at", "-id")[:LISTED_REVIEWS])
