"""A question is stored and its answer queued. Every effect outside Postgres happens on commit."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from chatapp.accounts.models import ApiKey
from chatapp.conversations import events
from chatapp.conversations.models import Conversation, Generation, Message, MessageRole, Origin, Priority, Status
from chatapp.conversations.offsets import carry_findings
from chatapp.conversations.services.generations import record_exchange
from chatapp.conversations.services.masking import keep_masked, mask_title
from chatapp.conversations.services.metering import release_answer, reserve_answer
from chatapp.errors import ChatappError
from chatapp.inference import routing
from chatapp.inference.models import ModelVersion, Route, RouteRule, Task
from chatapp.inference.selectors import load_asked_route
from chatapp.moderation.models import Action
from chatapp.moderation.policy import SAFE_TEXT, Decision, PolicySet, active_policies
from chatapp.moderation.tallies import store_looks

# Figures of checks may be late; the posting of a question should not pay for them each time.
TALLY_PAUSE_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class AnswerOptions:
    """What a caller may want of an answer; None leaves it to the route, or to the settings.

    `key` is what the caller of the API showed; without one the question comes from a page.
    """

    key: ApiKey | None = None
    version: ModelVersion | None = None
    route: str | None = None
    collections: list[str] | None = None
    max_tokens: int | None = None
    sampling: dict[str, Any] = field(default_factory=dict)
    stop: list[str] = field(default_factory=list)
    priority: Priority = Priority.INTERACTIVE


PLAIN = AnswerOptions()


def ask(
    *,
    conversation: Conversation,
    parent: Message | None,
    message_id: UUID | None,
    text: str,
    options: AnswerOptions = PLAIN,
) -> Generation:
    """`parent` comes with its generation: while that is live, the new answer waits for its end."""
    above: Generation | None = getattr(parent, "generation", None)
    policies = active_policies(user=conversation.owner, route=options.route or conversation.route_id or Route.DEFAULT)
    decision = _check(text, policies)
    if decision.text != text:
        mask_title(conversation, question=text, masked=decision.text)
    question = Message(conversation=conversation, parent=parent, role=MessageRole.USER, text=decision.text)
    if message_id is not None:
        question.id = message_id
    generation = _prepare(conversation, question, decision, options)
    generation.policy_version = policies.version
    generation.follows = above if above is not None and above.is_live else None
    return _queue(generation, options, question)


def ask_again(*, conversation: Conversation, question: Message | None, options: AnswerOptions) -> Generation:
    """Another answer to a question that is stored; what a policy has come to mask since then is kept masked."""
    policies = active_policies(user=conversation.owner, route=options.route or conversation.route_id or Route.DEFAULT)
    decision = _check(question.text if question else "", policies)
    if question is not None and decision.text != question.text:
        keep_masked(conversation, question, decision.text)
    generation = _prepare(conversation, question, decision, options)
    generation.policy_version = policies.version
    return _queue(generation, options)


def _check(text: str, policies: PolicySet) -> Decision:
    """With what is kept of the question, and its findings there.

    A blocked one stays in the employee's own view, and no prompt is ever built from it.
    """
    decision = policies.check_input(text)
    kept = text if decision.action == Action.BLOCK else decision.text
    return replace(decision, text=kept, findings=carry_findings(decision.findings, before=text, after=kept))


def _prepare(
    conversation: Conversation, question: Message | None, decision: Decision, options: AnswerOptions
) -> Generation:
    """Rules are decided here, by the question as it was posted; which version that means is resolved by the claim.

    Raises ChatappError: model_unavailable, model_not_allowed.
    """
    blocked = decision.action == Action.BLOCK
    route = load_asked_route(options.route or conversation.route_id or Route.DEFAULT)
    if options.version is not None:
        _refuse_leaving(options.version, route)
    answer = Message(conversation=conversation, parent=question, role=MessageRole.ASSISTANT)
    answer.text = SAFE_TEXT if blocked else ""
    answer.created_at = Now() + timedelta(microseconds=1)  # Stored with its question it has no order else.
    return Generation(
        message=answer,
        user_id=conversation.owner_id,
        route=route,
        version=options.version,
        is_pinned=options.version is not None,
        rule=_choose_rule(route, conversation, question, options.collections),
        rollout=route.rollout,
        draw=routing.draw_on(route, conversation.owner),
        collections=options.collections,
        max_tokens=min(options.max_tokens or settings.ANSWER_MAX_TOKENS, settings.ANSWER_MAX_TOKENS),
        sampling=options.sampling,
        stop=options.stop,
        priority=options.priority,
        status=Status.BLOCKED if blocked else Status.QUEUED,
        finish_reason="content_filter" if blocked else "",
        finished_at=Now() if blocked else None,
        input_verdicts=[finding.as_dict() for finding in decision.findings],
        deadline_at=Now() + timedelta(seconds=settings.ANSWER_DEADLINE_SECONDS),
    )


def _queue(generation: Generation, options: AnswerOptions, *new: Message) -> Generation:
    """Stores it with its answer and what else is new. Raises ChatappError: those of `reserve_answer`."""
    answer, conversation = generation.message, generation.message.conversation
    question = answer.parent.text if answer.parent else ""
    reserve_answer(generation, user=conversation.owner, key=options.key, question=question)
    try:
        Message.objects.bulk_create([*new, answer])
        generation.save(force_insert=True)
    except BaseException:
        release_answer(generation)
        raise
    Conversation.objects.filter(id=conversation.id).update(updated_at=Now())
    if conversation.origin == Origin.PAGE:  # The owner's other pages show the question too.
        transaction.on_commit(partial(events.conversation_changed, conversation.owner_id, conversation.id, answer.id))
    transaction.on_commit(partial(store_looks, pause=TALLY_PAUSE_SECONDS))
    if generation.status == Status.BLOCKED:
        record_exchange(generation, answer=answer.text)
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


def _refuse_leaving(version: ModelVersion, route: Route) -> None:
    """A named version needs leave of the default route, and of the conversation's own, to take text out."""
    for asked in {Route.DEFAULT, route.name}:
        known = route if asked == route.name else load_asked_route(asked)
        if not routing.allowed(known, version):
            raise ChatappError("model_not_allowed", name=version.name, route=known.name)
