"""The input policy in a worker: what the web process could not look at, before anything is searched or asked."""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace

from chatapp.conversations.models import Message, MessageRole, Status
from chatapp.conversations.pipeline.prompts import History
from chatapp.conversations.pipeline.relay import judged, settle
from chatapp.conversations.pipeline.reply import LeaseLostError, Reply
from chatapp.conversations.services import FinishedAnswer
from chatapp.conversations.services.masking import mask_question
from chatapp.moderation.models import Action
from chatapp.moderation.policy import SAFE_TEXT, Decision, PolicySet


class WithheldError(Exception):
    """The input policy blocks what was asked."""


def clear_question(reply: Reply, history: History, policies: PolicySet) -> History:
    """What may be searched for and go to the model. Raises WithheldError, LeaseLostError.

    A question that a policy masks is kept masked, as when the web process masks it. A model outside the company gets
    nothing of an earlier turn, either, that may not leave: a model inside may have answered it.
    """
    with reply.working():
        *earlier, question = _clear_given(reply, history.messages, policies)
        reply.watched = policies.watch_input(question.text, external=False)
        decision = policies.examine_input(question.text, external=False)
        _note(reply, decision)
        if decision.text != question.text:
            if not mask_question(reply.generation, decision.text):
                raise LeaseLostError
            question = _with_text(question, decision.text)
        if not reply.version.may_leave_company or not policies.has_leaving_checks:
            return replace(history, messages=[*earlier, question])
        leaving = policies.check_leaving(question.text)
        _note(reply, leaving)
        kept = _leavable(earlier, policies)
    summary = history.summary if len(kept) == len(earlier) else None
    return replace(history, messages=[*kept, _with_text(question, leaving.text)], summary=summary)


def withheld(reply: Reply) -> FinishedAnswer:
    settle(reply)
    return judged(reply, FinishedAnswer(status=Status.BLOCKED, text=SAFE_TEXT, finish_reason="content_filter"))


def _clear_given(reply: Reply, messages: Sequence[Message], policies: PolicySet) -> list[Message]:
    """Turns that a caller of the API sent along were never asked here, so nobody has looked at them."""
    cleared = list(messages)
    for at, message in enumerate(messages[:-1]):
        answer = message if message.role == MessageRole.ASSISTANT else messages[at + 1]
        if hasattr(answer, "generation"):
            continue
        for check in (policies.check_input, _examine(policies)):
            decision = check(cleared[at].text)
            _note(reply, decision)
            cleared[at] = _with_text(message, decision.text)
    return cleared


def _examine(policies: PolicySet) -> Callable[[str], Decision]:
    return lambda text: policies.examine_input(text, external=False)


def _note(reply: Reply, decision: Decision) -> None:
    """Raises WithheldError."""
    reply.findings += decision.findings
    if decision.action == Action.BLOCK:
        raise WithheldError


def _leavable(messages: Sequence[Message], policies: PolicySet) -> list[Message]:
    """Without the turns whose question may not leave."""
    kept: list[Message] = []
    leaves = True
    for message in messages:
        if message.role == MessageRole.USER:
            decision = policies.check_earlier(message.text)
            leaves = decision.action != Action.BLOCK
            kept += [_with_text(message, decision.text)] if leaves else []
        elif leaves:
            kept.append(message)
    return kept


def _with_text(message: Message, text: str) -> Message:
    """A copy, never saved."""
    changed = copy(message)
    changed.text = text
    return changed
