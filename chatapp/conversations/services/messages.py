"""What a person does to a conversation. Every effect outside Postgres happens on commit."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.conversations import events
from chatapp.conversations.models import LIVE, Conversation, Generation, Message, MessageRole, Origin, Status
from chatapp.conversations.queue import refuse_when_full
from chatapp.conversations.selectors import get_conversation_for, get_turn_for
from chatapp.conversations.services.conversations import lock_conversation, open_conversation, title_of
from chatapp.conversations.services.generations import record_exchange
from chatapp.conversations.text import clean_text
from chatapp.errors import ChatappError
from chatapp.inference.models import ModelVersion, Route
from chatapp.moderation.models import Action
from chatapp.moderation.policy import SAFE_TEXT, Decision, active_policies

INTERACTIVE, API = 0, 1


def post_message(
    *,
    user: User,
    text: str,
    message_id: UUID,
    conversation_id: UUID | None,
    leaf_id: UUID | None = None,
) -> Generation:
    """Stores the question and queues its answer; the same `message_id` again returns the same generation.

    It goes below `leaf_id`, the last message that the page shows, or below the newest one when that is not known here.
    The conversation is made when the id is unknown. Raises ChatappError: message_empty, message_too_long,
    queue_full, conversation_busy, not_found (the conversation or the message id is another person's).
    """
    text = _checked(text)
    with transaction.atomic():
        conversation = open_conversation(user=user, conversation_id=conversation_id, title=text)
        known = _known_generation(conversation, message_id)
        if known is not None:
            return known
        return _ask(conversation=conversation, parent=_leaf(conversation, leaf_id), message_id=message_id, text=text)


def edit_message(*, user: User, message_id: UUID, new_id: UUID, text: str) -> Generation:
    """Asks again in other words: a sibling of the user message, with an answer of its own.

    Raises ChatappError as `post_message`, and `invalid` when the message is not a question.
    """
    text = _checked(text)
    with transaction.atomic():
        edited = get_turn_for(user, message_id).message
        if edited.role != MessageRole.USER:
            raise ChatappError("invalid", detail="only your own messages can be edited.")
        conversation = open_conversation(user=user, conversation_id=edited.conversation_id, title="")
        known = _known_generation(conversation, new_id)
        if known is not None:
            return known
        return _ask(conversation=conversation, parent=edited.parent, message_id=new_id, text=text)


def regenerate(*, user: User, message_id: UUID) -> Generation:
    """Another answer to the same question (also the retry of a failed one): a sibling of this answer."""
    with transaction.atomic():
        turn = get_turn_for(user, message_id)
        old = turn.generation
        if old is None:
            raise ChatappError("invalid", detail="only an answer can be generated again.")
        if old.is_live:
            raise ChatappError("conversation_busy")
        refuse_when_full()
        conversation = open_conversation(user=user, conversation_id=turn.message.conversation_id, title="")
        question = turn.message.parent
        decision = active_policies().check_input(question.text if question else "")
        return _queue_answer(
            conversation=conversation,
            question=question,
            decision=decision,
            collections=old.collections,
            max_tokens=old.max_tokens,
            sampling=old.sampling,
            stop=old.stop,
        )


def post_api_chat(
    *,
    user: User,
    messages: Sequence[Mapping[str, str]],
    version: ModelVersion | None,
    collections: Sequence[str],
    conversation_id: UUID | None,
    max_tokens: int | None,
    sampling: Mapping[str, Any],
    stop: Sequence[str],
) -> Generation:
    """A chat request of the API. With `conversation_id` the stored history counts and only the last message is new.

    Raises ChatappError as `post_message`; `invalid` when the last message is not the user's.
    """
    if not messages or messages[-1]["role"] != MessageRole.USER:
        raise ChatappError("invalid", detail="the last message must have the role user.")
    text = _checked(messages[-1]["content"])
    with transaction.atomic():
        if conversation_id is None:
            conversation = Conversation.objects.create(owner=user, title=title_of(text), origin=Origin.API)
            leaf = _store_history(conversation, messages[:-1])
        else:
            conversation = lock_conversation(get_conversation_for(user, conversation_id))
            leaf = _leaf(conversation, None)
        return _ask(
            conversation=conversation,
            parent=leaf,
            message_id=None,
            text=text,
            version=version,
            collections=list(collections),
            max_tokens=max_tokens,
            sampling=dict(sampling),
            stop=list(stop),
            priority=API,
        )


def _checked(text: str) -> str:
    if len(text) > settings.MESSAGE_MAX_CHARACTERS:
        raise ChatappError("message_too_long", length=len(text), limit=settings.MESSAGE_MAX_CHARACTERS)
    cleaned = clean_text(text)
    if not cleaned:
        raise ChatappError("message_empty")
    return cleaned


def _leaf(conversation: Conversation, leaf_id: UUID | None) -> Message | None:
    messages = conversation.messages.order_by("created_at", "id")
    shown = messages.filter(id=leaf_id).first() if leaf_id else None
    return shown or messages.last()


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


def _ask(
    *, conversation: Conversation, parent: Message | None, message_id: UUID | None, text: str, **options: Any
) -> Generation:
    refuse_when_full()
    if parent is not None and Generation.objects.filter(message=parent, status__in=LIVE).exists():
        raise ChatappError("conversation_busy")
    decision = active_policies().check_input(text)
    # A blocked question stays in the employee's own view, and no prompt is ever built from it.
    kept = text if decision.action == Action.BLOCK else decision.text
    question = Message(conversation=conversation, parent=parent, role=MessageRole.USER, text=kept)
    if message_id is not None:
        question.id = message_id
    question.save(force_insert=True)
    return _queue_answer(conversation=conversation, question=question, decision=decision, **options)


def _queue_answer(
    *,
    conversation: Conversation,
    question: Message | None,
    decision: Decision,
    version: ModelVersion | None = None,
    collections: list[str] | None = None,
    max_tokens: int | None = None,
    sampling: dict[str, Any] | None = None,
    stop: list[str] | None = None,
    priority: int = INTERACTIVE,
) -> Generation:
    blocked = decision.action == Action.BLOCK
    now = timezone.now()
    answer = Message.objects.create(
        conversation=conversation,
        parent=question,
        role=MessageRole.ASSISTANT,
        text=SAFE_TEXT if blocked else "",
    )
    generation = Generation.objects.create(
        message=answer,
        user_id=conversation.owner_id,
        route_id=Route.DEFAULT,
        version=version,
        policy_version=active_policies().version,
        collections=collections,
        max_tokens=min(max_tokens or settings.ANSWER_MAX_TOKENS, settings.ANSWER_MAX_TOKENS),
        sampling=sampling or {},
        stop=stop or [],
        priority=priority,
        status=Status.BLOCKED if blocked else Status.QUEUED,
        finish_reason="content_filter" if blocked else "",
        finished_at=now if blocked else None,
        input_verdicts=[finding.as_dict() for finding in decision.findings],
        deadline_at=now + timedelta(seconds=settings.ANSWER_DEADLINE_SECONDS),
    )
    Conversation.objects.filter(id=conversation.id).update(updated_at=now)
    if blocked:
        record_exchange(generation, answer=SAFE_TEXT)
    else:
        transaction.on_commit(events.wake_workers)
    return generation
