"""What a person does to a conversation: ask, ask in other words, ask for another answer."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Case, Value, When

from chatapp.accounts.models import ApiKey, User
from chatapp.conversations.models import Conversation, Generation, Message, MessageRole, Origin, Priority
from chatapp.conversations.queue import refuse_when_full
from chatapp.conversations.selectors import get_turn_for
from chatapp.conversations.services.asking import AnswerOptions, ask, ask_again
from chatapp.conversations.services.conversations import (
    expiry,
    lock_conversation,
    open_conversation,
    set_choice,
    title_of,
)
from chatapp.errors import ChatappError
from chatapp.inference.models import ModelVersion
from chatapp.text import clean_text


def post_message(
    *,
    user: User,
    text: str,
    message_id: UUID,
    conversation_id: UUID | None,
    leaf_id: UUID | None = None,
    choice: str | None = None,
    key: ApiKey | None = None,
    is_temporary: bool = False,
) -> Generation:
    """Stores the question and queues its answer; the same `message_id` again returns the same generation.

    It goes below `leaf_id`, the last message that the page shows, or below the newest one when that is not known here.
    The conversation is made when the id is unknown, and then may be a temporary one; `choice` is kept with it (see
    `set_choice`). Raises ChatappError: temporary_off, message_empty, message_too_long, queue_full, user_queue_full,
    conversation_full, rate_limited, tokens_used_up, budget_used_up, not_found (the conversation or the message id is
    another person's). Below an answer that is still live it waits for the end of that.
    """
    text = _checked(text)
    with transaction.atomic():
        conversation = open_conversation(
            user=user, conversation_id=conversation_id, title=text, is_temporary=is_temporary
        )
        known = _known_generation(conversation, message_id)
        if known is not None:
            return known
        refuse_when_full(user_id=user.id, conversation_id=conversation.id)
        set_choice(conversation=conversation, choice=choice)
        options = AnswerOptions(key=key, priority=Priority.API if key else Priority.INTERACTIVE)  # Pages go first.
        leaf = _leaf(conversation, leaf_id)
        return ask(conversation=conversation, parent=leaf, message_id=message_id, text=text, options=options)


def edit_message(*, user: User, message_id: UUID, new_id: UUID, text: str, choice: str | None = None) -> Generation:
    """Asks again in other words: a sibling of the user message, with an answer of its own.

    Raises ChatappError as `post_message`, and `invalid` when the message is not a question.
    """
    text = _checked(text)
    with transaction.atomic():
        edited = get_turn_for(user, message_id).message
        if edited.role != MessageRole.USER:
            raise ChatappError("invalid", detail="only your own messages can be edited.")
        conversation = lock_conversation(user=user, conversation_id=edited.conversation_id)
        known = _known_generation(conversation, new_id)
        if known is not None:
            return known
        refuse_when_full(user_id=user.id, conversation_id=conversation.id)
        set_choice(conversation=conversation, choice=choice)
        return ask(conversation=conversation, parent=edited.parent, message_id=new_id, text=text)


def regenerate(*, user: User, message_id: UUID, choice: str | None = None) -> Generation:
    """Another answer to the same question (also the retry of a failed one): a sibling of this answer."""
    with transaction.atomic():
        turn = get_turn_for(user, message_id)
        old = turn.generation
        if old is None:
            raise ChatappError("invalid", detail="only an answer can be generated again.")
        if old.is_live:
            raise ChatappError("conversation_busy")
        conversation = lock_conversation(user=user, conversation_id=turn.message.conversation_id)
        refuse_when_full(user_id=user.id, conversation_id=conversation.id)
        set_choice(conversation=conversation, choice=choice)
        options = AnswerOptions(
            collections=old.collections, max_tokens=old.max_tokens, sampling=old.sampling, stop=old.stop
        )
        return ask_again(conversation=conversation, question=turn.message.parent, options=options)


def post_api_chat(
    *,
    user: User,
    messages: Sequence[Mapping[str, str]],
    version: ModelVersion | None,
    route: str | None = None,
    choice: str | None = None,
    collections: Sequence[str],
    conversation_id: UUID | None,
    max_tokens: int | None,
    sampling: Mapping[str, Any],
    stop: Sequence[str],
    priority: Priority = Priority.API,
    key: ApiKey | None = None,
    is_temporary: bool = False,
) -> Generation:
    """A chat request of the API. With `conversation_id` the stored history counts and only the last message is new.

    A `version` that the caller names answers or nothing does; a `route` that he names counts for this answer and, in
    a new conversation, for all. Raises ChatappError as `post_message`; `invalid` when the last message is not the
    user's; `model_not_allowed` when text sent to the version would leave a company that keeps it.
    """
    if not messages or messages[-1]["role"] != MessageRole.USER:
        raise ChatappError("invalid", detail="the last message must have the role user.")
    text = _checked(messages[-1]["content"])
    with transaction.atomic():
        refuse_when_full(user_id=user.id, conversation_id=conversation_id)
        if conversation_id is None:
            conversation = Conversation.objects.create(
                owner=user,
                title=title_of(text),
                origin=Origin.API,
                route_id=route,
                expires_at=expiry(user) if is_temporary else None,
            )
            leaf = _store_history(conversation, messages[:-1])
        else:
            conversation = lock_conversation(user=user, conversation_id=conversation_id)
            leaf = _leaf(conversation, None)
        set_choice(conversation=conversation, choice=choice)
        options = AnswerOptions(
            key=key,
            version=version,
            route=route,
            collections=list(collections),
            max_tokens=max_tokens,
            sampling=dict(sampling),
            stop=list(stop),
            priority=priority,
        )
        return ask(conversation=conversation, parent=leaf, message_id=None, text=text, options=options)


def _checked(text: str) -> str:
    if len(text) > settings.MESSAGE_MAX_CHARACTERS:
        raise ChatappError("message_too_long", length=len(text), limit=settings.MESSAGE_MAX_CHARACTERS)
    cleaned = clean_text(text)
    if not cleaned:
        raise ChatappError("message_empty")
    return cleaned


def _leaf(conversation: Conversation, leaf_id: UUID | None) -> Message | None:
    """What the page shows last, else the newest message; with its generation."""
    messages = conversation.messages.select_related("generation")
    shown = Case(When(id=leaf_id, then=1), default=0) if leaf_id else Value(0)
    return messages.order_by(shown, "created_at", "id").last()


def _known_generation(conversation: Conversation, message_id: UUID) -> Generation | None:
    known = Message.objects.filter(id=message_id).first()
    if known is None:
        return None
    answer = known.children.order_by("created_at").first()
    if known.conversation_id != conversation.id or known.role != MessageRole.USER or answer is None:
        raise ChatappError("not_found")
    return answer.generation


def _store_history(conversation: Conversation, history: Sequence[Mapping[str, str]]) -> Message | None:
    leaf: Message | None = None
    for entry in history:
        if entry["role"] not in MessageRole.values:
            raise ChatappError("invalid", detail=f"unknown role {entry['role'][:20]!r}.")
        text = clean_text(entry["content"])
        leaf = Message.objects.create(conversation=conversation, parent=leaf, role=entry["role"], text=text)
    return leaf
