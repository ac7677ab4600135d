"""Conversations as wholes: made, locked, named, deleted."""

from functools import partial
from uuid import UUID

from django.db import transaction

from chatapp.accounts.models import User
from chatapp.conversations import events
from chatapp.conversations.models import Conversation, Generation, TitledBy
from chatapp.conversations.selectors import get_conversation_for
from chatapp.conversations.services.metering import settle_before_deletion
from chatapp.conversations.text import clean_text
from chatapp.errors import ChatappError

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
    """Deletes everything of it; a running answer is stopped, and its late writes find no row."""
    with transaction.atomic():
        conversation = lock_conversation(user=user, conversation_id=conversation_id)
        settle_before_deletion(conversation)
        running = Generation.objects.filter(message__conversation=conversation)
        for generation_id in running.values_list("id", flat=True):
            transaction.on_commit(partial(events.discard_stream, generation_id))
        transaction.on_commit(partial(events.conversation_changed, user.id, conversation_id, None))
        conversation.delete()


def open_conversation(*, user: User, conversation_id: UUID | None, title: str) -> Conversation:
    """The user's conversation, locked; made when the id is unknown. Raises ChatappError("not_found")."""
    if conversation_id is None:
        return Conversation.objects.create(owner=user, title=title_of(title))
    Conversation.objects.bulk_create(
        [Conversation(id=conversation_id, owner=user, title=title_of(title))], ignore_conflicts=True
    )
    return lock_conversation(user=user, conversation_id=conversation_id)


def lock_conversation(*, user: User, conversation_id: UUID) -> Conversation:
    """Two posts into one conversation follow each other. Raises ChatappError("not_found")."""
    conversation = Conversation.objects.select_for_update().filter(owner=user, id=conversation_id).first()
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
