"""A question is stored and its answer queued. Every effect outside Postgres happens on commit."""

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from chatapp.conversations import events
from chatapp.conversations.models import Conversation, Generation, Message, MessageRole, Origin, Priority, Status
from chatapp.conversations.services.generations import record_exchange
from chatapp.errors import ChatappError
from chatapp.inference import routing
from chatapp.inference.models import ModelVersion, Route, RouteRule, Task
from chatapp.inference.selectors import load_asked_route
from chatapp.moderation.models import Action
from chatapp.moderation.policy import SAFE_TEXT, Decision, PolicySet, active_policies


def ask(
    *, conversation: Conversation, parent: Message | None, message_id: UUID | None, text: str, **options: Any
) -> Generation:
    """`parent` comes with its generation: while that is live, the new answer waits for its end."""
    above: Generation | None = getattr(parent, "generation", None)
    policies = active_policies()
    decision = policies.check_input(text)
    # A blocked question stays in the employee's own view, and no prompt is ever built from it.
    kept = text if decision.action == Action.BLOCK else decision.text
    question = Message(conversation=conversation, parent=parent, role=MessageRole.USER, text=kept)
    if message_id is not None:
        question.id = message_id
    return queue_answer(
        conversation=conversation,
        question=question,
        is_new=True,
        decision=decision,
        policies=policies,
        follows=above if above is not None and above.is_live else None,
        **options,
    )


def queue_answer(
    *,
    conversation: Conversation,
    question: Message | None,
    decision: Decision,
    policies: PolicySet,
    is_new: bool = False,
    follows: Generation | None = None,
    version: ModelVersion | None = None,
    route: str | None = None,
    collections: list[str] | None = None,
    max_tokens: int | None = None,
    sampling: dict[str, Any] | None = None,
    stop: list[str] | None = None,
    priority: Priority = Priority.INTERACTIVE,
) -> Generation:
    """Rules are decided here, by the question as it was posted; which version that means is resolved by the claim.

    A question that `is_new` is stored with its answer. Raises ChatappError: model_unavailable, model_not_allowed.
    """
    blocked = decision.action == Action.BLOCK
    taken = load_asked_route(route or conversation.route_id or Route.DEFAULT)
    if version is not None:
        _refuse_leaving(version, taken)
    now = Now()
    answer = Message(
        conversation=conversation,
        parent=question,
        role=MessageRole.ASSISTANT,
        text=SAFE_TEXT if blocked else "",
        created_at=now + timedelta(microseconds=1),  # Messages of one statement have one time else, and no order.
    )
    Message.objects.bulk_create([question, answer] if question is not None and is_new else [answer])
    generation = Generation.objects.create(
        message=answer,
        user_id=conversation.owner_id,
        route=taken,
        version=version,
        is_pinned=version is not None,
        rule=_choose_rule(taken, conversation, question, collections),
        draw=routing.draw_of(conversation.owner_id, taken.name),
        follows=follows,
        policy_version=policies.version,
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
    _announce(conversation, answer)
    if blocked:
        record_exchange(generation, answer=SAFE_TEXT)
    else:
        transaction.on_commit(events.wake_workers)
    return generation


def _choose_rule(
    route: Route, conversation: Conversation, question: Message | None, collections: list[str] | None
) -> RouteRule | None:
    return routing.choose_rule(
        route,
        task=Task.CHAT,
        text=question.text if question else "",
        collections=collections or (),
        choice=conversation.choice,
    )


def _announce(conversation: Conversation, answer: Message) -> None:
    """The owner's other pages show the question too."""
    if conversation.origin == Origin.PAGE:
        transaction.on_commit(partial(events.conversation_changed, conversation.owner_id, conversation.id, answer.id))


def _refuse_leaving(version: ModelVersion, route: Route) -> None:
    """A named version needs leave of the default route, and of the conversation's own, to take text out."""
    for asked in {Route.DEFAULT, route.name}:
        known = route if asked == route.name else load_asked_route(asked)
        if not routing.allowed(known, version):
            raise ChatappError("model_not_allowed", name=version.name, route=known.name)
