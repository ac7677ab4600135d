"""Conversations as wholes: made, locked, named, deleted."""

from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.conversations import events
from chatapp.conversations.models import Conversation, TitledBy
from chatapp.conversations.selectors import get_conversation_for
from chatapp.conversations.services.removal import hide_conversation, refuse_temporary, remove_conversation
from chatapp.errors import ChatappError
from chatapp.holds import covers_person
from chatapp.text import clean_text

TITLE_CHARACTERS = 80
CHOICE_CHARACTERS = 32


def rename_conversation(*, user: User, conversation_id: UUID, title: str) -> Conversation:
    conversation = get_conversation_for(user, conversation_id)
    conversation.title = title_of(clean_text(title)) or conversation.title
    conversation.titled_by = TitledBy.PERSON
    conversation.save(update_fields=["title", "titled_by"])
    return conversation


def suggest_title(*, conversation: Conversation, title: str) -> None:
    """A model's title takes the place of the question's first line, never that of another title."""
    standing = Conversation.objects.filter(id=conversation.id, titled_by=TitledBy.QUESTION)
    if standing.update(title=title_of(title), titled_by=TitledBy.MODEL):
        transaction.on_commit(partial(events.reload_list, conversation.owner_id))


def delete_conversation(*, user: User, conversation_id: UUID) -> None:
    """Deletes everything of it; a running answer is stopped, and its late writes find no row.

    Under a legal hold it only leaves the owner's sight.
    """
    with transaction.atomic():
        conversation = lock_conversation(user=user, conversation_id=conversation_id)
        transaction.on_commit(partial(events.conversation_changed, user.id, conversation_id, None))
        if covers_person(user.id):
            hide_conversation(conversation)
        else:
            remove_conversation(conversation)


def open_conversation(
    *, user: User, conversation_id: UUID | None, title: str, is_temporary: bool = False
) -> Conversation:
    """The user's conversation, locked; made when the id is unknown. Raises ChatappError: not_found, temporary_off."""
    made = Conversation(owner=user, title=title_of(title), expires_at=expiry(user) if is_temporary else None)
    if conversation_id is None:
        made.save(force_insert=True)
        return made
    made.id = conversation_id
    Conversation.objects.bulk_create([made], ignore_conflicts=True)
    return lock_conversation(user=user, conversation_id=conversation_id)


def expiry(user: User) -> datetime:
    """When a temporary conversation that begins now is deleted. Raises ChatappError("temporary_off")."""
    refuse_temporary(user.id)
    return timezone.now() + timedelta(hours=settings.TEMPORARY_CHAT_HOURS)


def lock_conversation(*, user: User, conversation_id: UUID) -> Conversation:
    """Two posts into one conversation follow each other. Raises ChatappError("not_found")."""
    own = Conversation.objects.select_for_update().filter(owner=user, deleted_at=None)
    conversation = own.filter(id=conversation_id).first()
    if conversation is None:
        raise ChatappError("not_found")
    conversation.owner = user  # Known already: it need not be read again.
    return conversation


def set_choice(*, conversation: Conversation, choice: str | None) -> None:
    """What the owner chose for this and later answers, "" to leave it to the route; None changes nothing.

    A choice that no rule knows, any more, counts as none. Raises ChatappError("invalid") for one that is too long.
    """
    if choice is None or choice == conversation.choice:
        return
    if len(choice) > CHOICE_CHARACTERS or "\0" in choice:
        raise ChatappError("invalid", detail=f"a choice has at most {CHOICE_CHARACTERS} characters.")
    conversation.choice = choice
    conversation.save(update_fields=["choice"])


def title_of(text: str) -> str:
    line = text.strip().partition("\n")[0]
    return line if len(line) <= TITLE_CHARACTERS else line[: TITLE_CHARACTERS - 1].rstrip() + "…"
