"""Lets the candidate of a shadow rollout answer what the baseline has answered, unseen.

It has the same history, passages and request before it, and goes the same way through placeholders and policies. Only
its text goes nowhere but into the database. Whoever waits for an answer comes first: see `side_work`.
"""

import time
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass

from django.conf import settings
from django.utils import timezone

from chatapp.conversations import events
from chatapp.conversations.models import Generation, Origin, Status
from chatapp.conversations.pipeline.prompts import read_history
from chatapp.conversations.pipeline.questions import WithheldError, clear_question, withheld
from chatapp.conversations.pipeline.reply import LeaseLostError, Reply
from chatapp.conversations.pipeline.side_work import EXPIRES, FIRST_DELAY, MustYield, YieldedError
from chatapp.conversations.pipeline.writing import write_answer
from chatapp.conversations.services import FinishedAnswer
from chatapp.conversations.shadows.selectors import ENDED, find_shadow_rollout, list_given_passages
from chatapp.conversations.shadows.services import Times, expect_shadow, give_up_shadow, store_shadow
from chatapp.inference import routing
from chatapp.inference.engine import ChatModel
from chatapp.inference.models import ModelVersion, Rollout, ShadowState, Task
from chatapp.inference.selectors import load_route
from chatapp.moderation.policy import active_policies

_ORIGINS = (Origin.PAGE, Origin.API)
_PERCENT = 100


class Nowhere:
    """Stands for the live stream of an answer that nobody follows."""

    seq = 0
    lost = False
    fenced = False

    def fence(self) -> None: ...

    def append(self, text: str) -> None: ...

    def note(self, text: str) -> None: ...

    def end(self, status: str) -> None: ...

    def resync(self, text: str) -> None: ...


@dataclass
class UnseenReply(Reply):
    """Has no lease, and gives way to whoever waits."""

    must_yield: Callable[[], bool] = lambda: False
    is_unseen: bool = True

    def renew(self) -> None:
        """Raises YieldedError."""
        if self.must_yield():
            raise YieldedError


def request_shadow(generation: Generation, finished: FinishedAnswer) -> None:
    """After the terminal commit: asks for an unseen answer where a shadow rollout wants one of this."""
    rollout = find_shadow_rollout(generation)
    if rollout is None or not _is_wanted(generation, finished, rollout):
        return
    expect_shadow(generation, rollout)
    events.request_side_work(Task.SHADOW, generation.pk, delay=FIRST_DELAY, expires=EXPIRES)


def _is_wanted(generation: Generation, finished: FinishedAnswer, rollout: Rollout) -> bool:
    """Only of what the baseline itself was asked to write, for somebody who needed it."""
    conversation = generation.message.conversation
    is_asked = bool(finished.completion_tokens) or finished.status != Status.COMPLETE
    return (
        finished.status in ENDED
        and is_asked
        and generation.version_id == rollout.baseline_id
        and generation.fallback_from_id is None
        and not generation.is_cached
        and not generation.is_pinned
        and conversation.origin in _ORIGINS
        and not conversation.is_temporary
        and _is_drawn(generation, rollout)
    )


def _is_drawn(generation: Generation, rollout: Rollout) -> bool:
    share = rollout.share or float(settings.SHADOW_PERCENT)
    return routing.draw_of(generation.pk, str(rollout.pk)) * _PERCENT < share * routing.DRAWS


def candidate_for(generation: Generation) -> ModelVersion | None:
    """None once the rollout is over, or where the candidate may not have what was said.

    Text of a route that keeps it, or of an answer that was made inside the company, goes to no version outside.
    """
    rollout = find_shadow_rollout(generation)
    if rollout is None or generation.version_id != rollout.baseline_id:
        return None
    is_kept_in = rollout.candidate.may_leave_company and not rollout.baseline.may_leave_company
    is_allowed = routing.allowed(load_route(generation.route_id), rollout.candidate)
    return rollout.candidate if is_allowed and not is_kept_in else None


def write_shadow(generation: Generation, *, model: ChatModel, version: ModelVersion, must_yield: MustYield) -> None:
    """Raises EngineError, YieldedError."""
    rollout = find_shadow_rollout(generation)
    if rollout is None:
        give_up_shadow(generation.pk, ShadowState.SKIPPED)
        return
    unseen = copy(generation)
    unseen.version, unseen.summary = version, None
    reply = UnseenReply(unseen, Nowhere(), must_yield=must_yield)
    reply.passages = list_given_passages(generation)
    began, began_at = time.monotonic(), timezone.now()
    try:
        finished = _answer(reply, model)
    except LeaseLostError:  # A policy that is new masks the question now; what the baseline read is no more.
        give_up_shadow(generation.pk, ShadowState.SKIPPED)
        return
    finally:
        reply.end_stream()
    first = (reply.first_token_at - began_at).total_seconds() if reply.first_token_at else None
    store_shadow(generation, rollout, finished, Times(first_token=first, whole=time.monotonic() - began))


def _answer(reply: UnseenReply, model: ChatModel) -> FinishedAnswer:
    generation = reply.generation
    policies = active_policies(user=generation.user, route=generation.route_id)
    try:
        history = clear_question(reply, read_history(generation), policies)
    except WithheldError:
        return withheld(reply)
    return write_answer(reply, lambda _: model, history=history, policies=policies)
