"""Hides personal data from the model that answers, where a policy wants names such as [PERSON_1] in its place.

The names are counted from the first message of the conversation on, so the same data keeps its name from turn to turn
and nothing has to be stored. What is hidden comes back in the answer, before the output policy sees it.
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import lru_cache

import structlog

from chatapp.conversations.models import Message, MessageRole
from chatapp.conversations.pipeline.prompts import History
from chatapp.inference.engine import EngineError
from chatapp.moderation.checks.check import Check, FailRule
from chatapp.moderation.checks.examiner import ExaminerError
from chatapp.moderation.models import Stage
from chatapp.moderation.placeholders import Placeholders
from chatapp.moderation.policy import PolicySet
from chatapp.moderation.scoring import find_hits
from chatapp.retrieval.search import Passage

# The messages of the conversations that were answered last need not be looked at again.
KEPT_TEXTS = 1024
Places = tuple[tuple[int, int, str], ...]
log = structlog.get_logger(__name__)


class HidingError(EngineError):
    """A check that hides data from this version could not look, and fails closed: the next version may be asked."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """What a model may see of a conversation, and the names in it."""

    history: History
    passages: Sequence[Passage]
    names: Placeholders


def hide_personal_data(history: History, passages: Sequence[Passage], policies: PolicySet, *, external: bool) -> Hidden:
    """`external`: the model is outside the company. Without such a check all is as it was. Raises HidingError."""
    asked, read = (policies.placeholder_checks(stage, external=external) for stage in (Stage.INPUT, Stage.CONTEXT))
    if not asked and not read:
        return Hidden(history, passages, Placeholders())
    names = Placeholders([*(message.text for message in history.messages), *(passage.given for passage in passages)])
    for message in history.messages:
        _learn(names, message.text, asked if message.role == MessageRole.USER else read)
    for text in (text for one in passages for text in (one.given, one.heading, one.document_name)):
        _learn(names, text, read)
    return Hidden(_hide_history(history, names), [_hide_passage(one, names) for one in passages], names)


def _learn(names: Placeholders, text: str, checks: Sequence[Check]) -> None:
    for check in checks:
        try:
            places = _find_places(check, text)
        except ExaminerError as error:
            if check.fails == FailRule.CLOSED:
                raise HidingError(f"personal data could not be hidden: {error}") from error
            log.warning("data_not_hidden", check=check.name, reason=str(error))
            continue
        for start, end, label in places:
            names.learn(text[start:end], label)


@lru_cache(maxsize=KEPT_TEXTS)
def _find_places(check: Check, text: str) -> Places:
    """Raises ExaminerError, which is not remembered."""
    hits = (hit for hit in find_hits(check, text) if hit.score >= check.threshold)
    return tuple((hit.start, hit.end, hit.label) for hit in hits)


def _hide_history(history: History, names: Placeholders) -> History:
    """Copies, never saved: the messages themselves stay as they were written."""
    summary = copy(history.summary)
    if summary is not None:
        summary.text = names.hide(summary.text)
    return replace(history, messages=[_hide_message(message, names) for message in history.messages], summary=summary)


def _hide_message(message: Message, names: Placeholders) -> Message:
    hidden = copy(message)
    hidden.text = names.hide(message.text)
    return hidden


def _hide_passage(passage: Passage, names: Placeholders) -> Passage:
    return replace(
        passage,
        document_name=names.hide(passage.document_name),
        heading=names.hide(passage.heading),
        context=names.hide(passage.given),
    )
