"""Break-glass reading: a reason, a second person, a time limit; everything of it is written down."""

from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.accounts.permissions import require
from chatapp.accounts.selectors import get_user_by_name
from chatapp.accounts.services import record_event
from chatapp.conversations.models import Conversation
from chatapp.conversations.reading_models import Reading, ReadingGrant, ReadingState
from chatapp.conversations.readings.selectors import (
    LISTED_CONVERSATIONS,
    get_granted_thread_for,
    get_open_grant_for,
    get_reading_grant_for,
    list_granted_conversations,
)
from chatapp.conversations.selectors import Turn
from chatapp.errors import ChatappError

MIN_REASON_CHARACTERS, MAX_REASON_CHARACTERS = 20, 1000
MIN_MINUTES, MAX_MINUTES = 5, 240


@transaction.atomic
def request_reading(
    *, user: User, person: str, conversation_id: UUID | None, reason: str, minutes: int
) -> ReadingGrant:
    """Asks for one conversation, or without its id for all of that person's. Nothing can be read by it yet.

    Raises ChatappError: forbidden, invalid.
    """
    require(user, "conversations.request_reading")
    reason = reason.replace("\0", "").strip()
    if not MIN_REASON_CHARACTERS <= len(reason) <= MAX_REASON_CHARACTERS:
        raise _invalid(f"give a reason of {MIN_REASON_CHARACTERS} to {MAX_REASON_CHARACTERS} characters.")
    if not MIN_MINUTES <= minutes <= MAX_MINUTES:
        raise _invalid(f"ask for {MIN_MINUTES} to {MAX_MINUTES} minutes.")
    owner = get_user_by_name(person)
    if owner is None:
        raise _invalid("there is no person of that name.")
    if owner.pk == user.pk:
        raise _invalid("your own conversations need no permission.")
    if conversation_id and not Conversation.objects.filter(id=conversation_id, owner=owner).exists():
        raise _invalid("that person has no such conversation.")
    grant = ReadingGrant.objects.create(
        person=owner,
        conversation_id=conversation_id,
        whole_person=conversation_id is None,
        reason=reason,
        minutes=minutes,
        requested_by=user,
    )
    _record(user, "conversation.reading_requested", grant, reason=reason)
    return grant


@transaction.atomic
def decide_reading(*, user: User, grant_id: UUID, approve: bool) -> ReadingGrant:
    """Neither who asked nor whose conversations they are decides. Raises ChatappError: not_found, forbidden,
    reading_own, reading_decided.
    """
    grant = get_reading_grant_for(user, grant_id)
    require(user, "conversations.approve_reading")
    if user.pk in {grant.requested_by_id, grant.person_id}:
        raise ChatappError("reading_own")
    now = timezone.now()
    decided = ReadingGrant.objects.filter(id=grant_id, state=ReadingState.REQUESTED, requested_by__isnull=False).update(
        state=ReadingState.APPROVED if approve else ReadingState.REFUSED,
        decided_by=user,
        decided_at=now,
        until=now + timedelta(minutes=grant.minutes) if approve else None,
    )
    if not decided:
        raise ChatappError("reading_decided")
    _record(user, "conversation.reading_approved" if approve else "conversation.reading_refused", grant)
    return get_reading_grant_for(user, grant_id)


@transaction.atomic
def revoke_reading(*, user: User, grant_id: UUID) -> ReadingGrant:
    """By who asked, or by anybody who may approve; from the next page on nothing is shown.

    Raises ChatappError: not_found, forbidden, reading_decided.
    """
    grant = get_reading_grant_for(user, grant_id)
    if user.pk != grant.requested_by_id:
        require(user, "conversations.approve_reading")
    standing = ReadingGrant.objects.filter(id=grant_id, state__in=(ReadingState.REQUESTED, ReadingState.APPROVED))
    if not standing.update(state=ReadingState.REVOKED, revoked_at=timezone.now()):
        raise ChatappError("reading_decided")
    _record(user, "conversation.reading_revoked", grant)
    return get_reading_grant_for(user, grant_id)


@transaction.atomic
def list_by_grant(*, user: User, grant_id: UUID) -> tuple[ReadingGrant, list[Conversation]]:
    """Titles are content, so a look at them is written down. The newest; raises ChatappError("not_found")."""
    grant = get_open_grant_for(user, grant_id)
    listed = list(list_granted_conversations(grant)[:LISTED_CONVERSATIONS])
    _record(user, "conversation.listed_by_grant", grant, conversations=len(listed))
    return grant, listed


@transaction.atomic
def read_by_grant(
    *, user: User, grant_id: UUID, conversation_id: UUID, leaf_id: UUID | None = None
) -> tuple[ReadingGrant, Conversation, list[Turn]]:
    """The conversation, and with it the record that it was opened: never one without the other.

    Raises ChatappError("not_found").
    """
    grant, conversation, turns = get_granted_thread_for(user, grant_id, conversation_id, leaf_id)
    Reading.objects.create(grant=grant, conversation=conversation)
    detail: dict[str, object] = {"grant": str(grant.pk), "person": str(grant.person_id)}
    record_event(actor=user, action="conversation.read_by_grant", obj=conversation, detail=detail, reason=grant.reason)
    return grant, conversation, turns


def _record(user: User, action: str, grant: ReadingGrant, *, reason: str = "", **more: object) -> None:
    detail = {
        "person": str(grant.person_id),
        "conversation": str(grant.conversation_id or ""),
        "minutes": grant.minutes,
        **more,
    }
    record_event(actor=user, action=action, obj=grant, detail=detail, reason=reason)


def _invalid(detail: str) -> ChatappError:
    return ChatappError("invalid", detail=detail)
