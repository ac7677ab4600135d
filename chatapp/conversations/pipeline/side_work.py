"""What a model writes beside the answers: titles and summaries. Whoever waits for an answer comes first."""

import time
from collections.abc import Callable, Sequence

from django.conf import settings
from django.db import close_old_connections

from chatapp.conversations import events, services
from chatapp.conversations.budget import prompt_budget
from chatapp.conversations.models import Generation, Status
from chatapp.conversations.pipeline.compaction import SUMMARY_MAX_TOKENS, is_filling, plan_compaction
from chatapp.conversations.pipeline.hiding import Hidden, hide_personal_data
from chatapp.conversations.pipeline.prompts import History, usable_history
from chatapp.conversations.pipeline.questions import leavable
from chatapp.conversations.pipeline.titles import TITLE_MAX_TOKENS, ask_for_title, clean_title, wants_title
from chatapp.conversations.selectors import is_followed, list_path
from chatapp.conversations.services import FinishedAnswer
from chatapp.inference import routing
from chatapp.inference.engine import ChatMessage, ChatModel, EngineError
from chatapp.inference.models import ModelVersion, Provider, Task
from chatapp.inference.selectors import load_route
from chatapp.inference.services import record_side_work
from chatapp.moderation.policy import PolicySet, active_policies

FIRST_DELAY, EXPIRES = 1.0, 60.0
PIECE_SECONDS = 0.25
LONGEST_SECONDS = 120.0
MustYield = Callable[[], bool]


class YieldedError(Exception):
    """Somebody waits for an answer: the work is left, to be begun again later."""


def request_side_work(generation: Generation, finished: FinishedAnswer) -> None:
    """After the terminal commit: asks for what is due. A temporary conversation gets no title and no summary.

    A script writes no titles, and nobody writes them for it.
    """
    version = generation.version
    if generation.message.conversation.is_temporary:
        return
    if finished.status != Status.COMPLETE or version is None or version.provider == Provider.SCRIPTED:
        return
    due = {
        Task.TITLE: settings.TITLES and wants_title(generation),
        Task.SUMMARY: settings.SUMMARIES and is_filling(generation, finished),
    }
    for task in (task for task, is_due in due.items() if is_due):
        events.request_side_work(task, generation.id, delay=FIRST_DELAY, expires=EXPIRES)


def version_for(generation: Generation, task: Task) -> ModelVersion | None:
    """The task's version, or the one that answered, where the first may not have what was said.

    Text of a route that keeps it, or of an answer that was made inside the company, goes to no version outside.
    """
    route, answered_by = load_route(generation.route_id), generation.version
    for version in (routing.version_for_task(task), answered_by):
        if version is None or version.provider == Provider.SCRIPTED or not routing.allowed(route, version):
            continue
        if not version.may_leave_company or (answered_by is not None and answered_by.may_leave_company):
            return version
    return None


def write_title(generation: Generation, *, model: ChatModel, version: ModelVersion, must_yield: MustYield) -> None:
    """Raises EngineError, YieldedError."""
    question = generation.message.parent
    if question is None or not wants_title(generation):
        return
    policies = _policies(generation)
    hidden = _hidden(History([question]), policies, version)
    if not hidden.history.messages:
        return
    asked = ask_for_title(hidden.history.messages[0].text)
    written = _write(Task.TITLE, generation, version, model, asked, max_tokens=TITLE_MAX_TOKENS, must_yield=must_yield)
    title = clean_title(_cleared(hidden.names.restore(written), policies))
    if title:
        services.suggest_title(conversation=generation.message.conversation, title=title)


def write_summary(generation: Generation, *, model: ChatModel, version: ModelVersion, must_yield: MustYield) -> None:
    """Raises EngineError, YieldedError. Where the conversation has gone on, the next answer sees to it."""
    if is_followed(generation):
        return
    answered_by, policies = generation.version or version, _policies(generation)
    hidden = _hidden(usable_history(list_path(generation.message)), policies, version)
    plan = plan_compaction(
        model=model,
        history=hidden.history,
        budget_tokens=prompt_budget(answered_by.context_tokens, generation.max_tokens),
        room_tokens=prompt_budget(version.context_tokens, SUMMARY_MAX_TOKENS),
    )
    if plan is None:
        return
    written = _write(
        Task.SUMMARY, generation, version, model, plan.messages, max_tokens=SUMMARY_MAX_TOKENS, must_yield=must_yield
    )
    text = _cleared(hidden.names.restore(written), policies).strip()
    if text:
        services.store_summary(upto_id=plan.upto.id, version_id=version.id, text=text)


def _write(
    task: Task,
    generation: Generation,
    version: ModelVersion,
    model: ChatModel,
    messages: Sequence[ChatMessage],
    *,
    max_tokens: int,
    must_yield: MustYield,
) -> str:
    """Raises EngineError, YieldedError; the tokens are counted in any case."""
    until = time.monotonic() + LONGEST_SECONDS
    scope = str(generation.user_id)
    stream = model.chat(messages, max_tokens=max_tokens, sampling={"temperature": 0}, cache_scope=scope)
    text = ""
    try:
        while (piece := stream.next_piece(PIECE_SECONDS)) is not None:
            text += piece
            if must_yield():
                raise YieldedError
            if time.monotonic() > until:
                raise EngineError(f"{version.name} took longer than {LONGEST_SECONDS:.0f} s")
            close_old_connections()
    finally:
        stream.cancel()
        record_side_work(
            user_id=generation.user_id,
            version_id=version.id,
            task=task,
            prompt_tokens=stream.usage.prompt_tokens,
            completion_tokens=stream.usage.completion_tokens,
        )
    if stream.finish_reason == "cancelled":
        raise EngineError(f"{version.name} was unloaded")
    return text


def _policies(generation: Generation) -> PolicySet:
    return active_policies(user=generation.user, route=generation.route_id)


def _hidden(history: History, policies: PolicySet, version: ModelVersion) -> Hidden:
    """What the version may read. Raises HidingError."""
    if version.may_leave_company:
        history = leavable(history, policies)
    return hide_personal_data(history, [], policies, external=version.may_leave_company)


def _cleared(written: str, policies: PolicySet) -> str:
    """Through the output policy, as everything that a model wrote; empty when a rule forbids it."""
    return policies.check_output(written).text
