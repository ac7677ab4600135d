"""The input policy in a worker: what the web process could not look at, before anything is searched or asked."""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace
from typing import TypeVar

from chatapp.conversations.models import ConversationSummary, Message, MessageRole, Status
from chatapp.conversations.offsets import carry_findings
from chatapp.conversations.pipeline.prompts import History
from chatapp.conversations.pipeline.relay import judged, settle
from chatapp.conversations.pipeline.reply import LeaseLostError, Reply
from chatapp.conversations.services import FinishedAnswer
from chatapp.conversations.services.masking import mask_question
from chatapp.moderation.models import Action
from chatapp.moderation.policy import SAFE_TEXT, Decision, PolicySet

Stored = TypeVar("Stored", Message, ConversationSummary)


class WithheldError(Exception):
    """The input policy blocks what was asked."""


def clear_question(reply: Reply, history: History, policies: PolicySet) -> History:
    """What may be searched for and go to the model. Raises WithheldError, LeaseLostError.

    A question that a policy masks is kept masked, as when the web process masks it. A model outside the company gets
    nothing of an earlier turn, either, that may not leave: see `leavable`.
    """
    with reply.working():
        *earlier, question = _clear_given(reply, history.messages, policies)
        reply.watched = policies.watch_input(question.text, external=False)
        decision = policies.examine_input(question.text, external=False)
        _note(reply, decision, question.text)
        if decision.text != question.text:
            if not mask_question(reply.generation, decision.text):
                raise LeaseLostError
            question = _with_text(question, decision.text)
        if not reply.version.may_leave_company or not policies.has_leaving_checks:
            return replace(history, messages=[*earlier, question])
        leaving = policies.check_leaving(question.text)
        _note(reply, leaving, leaving.text)  # Places in the question, which is kept as it was.
        kept = leavable(replace(history, messages=earlier), policies)
    return replace(kept, messages=[*kept.messages, _with_text(question, leaving.text)])


def leavable(history: History, policies: PolicySet) -> History:
    """What a model outside the company may read: no turn whose question or answer may not leave.

    A summary may tell of such a turn. Else it is looked at like a message, for a model inside may have written it.
    """
    kept: list[Message] = []
    leaves = True
    for message in history.messages:
        if not (leaves or message.role == MessageRole.USER):
            continue
        decision = policies.check_earlier(message.text)
        leaves = decision.action != Action.BLOCK
        if leaves:
            kept.append(_with_text(message, decision.text))
        elif message.role == MessageRole.ASSISTANT and kept:
            kept.pop()
    if len(kept) < len(history.messages):
        return History(kept, is_whole=False)
    return replace(history, messages=kept, summary=_leaving_summary(history.summary, policies))


def _leaving_summary(summary: ConversationSummary | None, policies: PolicySet) -> ConversationSummary | None:
    decision = policies.check_earlier(summary.text if summary else "")
    return None if summary is None or decision.action == Action.BLOCK else _with_text(summary, decision.text)


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
            _note(reply, decision, cleared[at].text)
            cleared[at] = _with_text(message, decision.text)
    return cleared


def _examine(policies: PolicySet) -> Callable[[str], Decision]:
    return lambda text: policies.examine_input(text, external=False)


def _note(reply: Reply, decision: Decision, checked: str) -> None:
    """Findings in `checked` as places in what is kept of it. Raises WithheldError."""
    if decision.action == Action.BLOCK:
        reply.findings += decision.findings
        raise WithheldError
    reply.findings += carry_findings(decision.findings, before=checked, after=decision.text)


def _with_text(stored: Stored, text: str) -> Stored:
    """A copy, never saved."""
    changed = copy(stored)
    changed.text = text
    return changed
