"""A question is stored and its answer queued. Every effect outside Postgres happens on commit."""

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from chatapp.conversations import events
from chatapp.conversations.models import LIVE, Conversation, Generation, Message, MessageRole, Origin, Status
from chatapp.conversations.queue import refuse_when_full
from chatapp.conversations.services.generations import record_exchange
from chatapp.errors import ChatappError
from chatapp.inference import routing
from chatapp.inference.models import ModelVersion, Route, Task
from chatapp.inference.selectors import load_route
from chatapp.moderation.models import Action
from chatapp.moderation.policy import SAFE_TEXT, Decision, active_policies

INTERACTIVE, API = 0, 1


def ask(
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
    return queue_answer(conversation=conversation, question=question, decision=decision, **options)


def queue_answer(
    *,
    conversation: Conversation,
    question: Message | None,
    decision: Decision,
    version: ModelVersion | None = None,
    route: str | None = None,
    collections: list[str] | None = None,
    max_tokens: int | None = None,
    sampling: dict[str, Any] | None = None,
    stop: list[str] | None = None,
    priority: int = INTERACTIVE,
) -> Generation:
    """Rules are decided here, by the question as it was posted; which version that means is resolved by the claim."""
    blocked = decision.action == Action.BLOCK
    taken = load_route(route or conversation.route_id or Route.DEFAULT)
    if version is not None:
        _refuse_leaving(version, taken)
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
        route=taken,
        version=version,
        is_pinned=version is not None,
        rule=routing.choose_rule(
            taken,
            task=Task.CHAT,
            text=question.text if question else "",
            collections=collections or (),
            choice=conversation.choice,
        ),
        draw=routing.draw_of(conversation.owner_id, taken.name),
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
    if conversation.origin == Origin.PAGE:
        transaction.on_commit(partial(events.conversation_changed, conversation.owner_id, conversation.id, answer.id))
    if blocked:
        record_exchange(generation, answer=SAFE_TEXT)
    else:
        transaction.on_commit(events.wake_workers)
    return generation


def _refuse_leaving(version: ModelVersion, route: Route) -> None:
    """A named version needs leave of the default route, and of the conversation's own, to take text out."""
    for asked in {Route.DEFAULT, route.name}:
        known = route if asked == route.name else load_route(asked)
        if not routing.allowed(known, version):
            raise ChatappError("model_not_allowed", name=version.name, route=known.name)
