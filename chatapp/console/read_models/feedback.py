"""Feedback as triage works on it: masked, with the re-runs of whoever looks beside the old answer."""

from dataclasses import dataclass
from typing import Any

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can
from chatapp.conversations.explaining.selectors import may_explain
from chatapp.conversations.models import Generation
from chatapp.conversations.selectors import find_rated_turn, list_generations_for
from chatapp.conversations.services.reruns import MAX_SHOWN
from chatapp.inference.selectors import list_asked_versions_for, list_served_versions
from chatapp.moderation.masked import MaskedExchange, mask_by_form, mask_exchange
from chatapp.moderation.models import Feedback, FeedbackReason, FeedbackStatus
from chatapp.moderation.selectors import list_own_reruns

EXCERPT_CHARACTERS = 240
_LABELS = dict(FeedbackReason.choices)
_STATES = {
    "queued": "Waits until nobody else does",
    "answering": "Is being written",
    "complete": "",
    "blocked": "A policy withheld it",
    "retracted": "A reviewer retracted it",
    "stopped": "Was stopped",
    "interrupted": "Was interrupted",
    "failed": "Could not be written",
}


@dataclass(frozen=True, slots=True)
class FeedbackRow:
    feedback: Feedback
    reasons: list[str]
    question: str
    text: str


@dataclass(frozen=True, slots=True)
class RerunRow:
    """`generation` is None once its conversation was deleted, as after a week. `state` says why there is no text."""

    model_version: str
    generation: Generation | None
    text: str
    state: str
    sources: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class FeedbackDetail:
    """`may_keep`: the answer cites a document of a collection that the reader of this may edit."""

    row: FeedbackRow
    shown: MaskedExchange
    masked_question: str
    unmasked: bool
    may_unmask: bool
    may_explain: bool
    is_there: bool
    may_keep: bool
    may_reply: bool
    versions: list[str]


@dataclass(frozen=True, slots=True)
class Reruns:
    rows: list[RerunRow]

    @property
    def are_live(self) -> bool:
        return any(row.generation is not None and row.generation.is_live for row in self.rows)


def feedback_row(feedback: Feedback, *, unmasked: bool = False) -> FeedbackRow:
    question = feedback.exchange.question if unmasked else mask_exchange(feedback.exchange).question
    return FeedbackRow(
        feedback=feedback,
        reasons=[_LABELS.get(reason, reason) for reason in feedback.reasons],
        question=question[:EXCERPT_CHARACTERS] + ("…" if len(question) > EXCERPT_CHARACTERS else ""),
        text=feedback.text if unmasked else mask_by_form(feedback.text),
    )


def feedback_detail(feedback: Feedback, *, user: User, unmasked: bool = False) -> FeedbackDetail:
    exchange = feedback.exchange
    turn = find_rated_turn(user, feedback)
    masked = mask_exchange(exchange)
    whole = MaskedExchange(exchange.question, exchange.answer, is_searched=True)
    return FeedbackDetail(
        row=feedback_row(feedback, unmasked=unmasked),
        shown=whole if unmasked else masked,
        masked_question=masked.question,
        unmasked=unmasked,
        may_unmask=can(user, "moderation.unmask"),
        may_explain=may_explain(user, feedback.exchange_id),
        is_there=turn is not None,
        may_keep=turn is not None and any(source.cited and source.is_editable for source in turn.sources),
        may_reply=feedback.user.is_active and feedback.status != FeedbackStatus.WITHDRAWN,
        versions=_askable(user),
    )


def reruns_of(feedback: Feedback, *, user: User) -> Reruns:
    """The newest few that this user asked for; others' saw documents with others' rights."""
    asked = list(list_own_reruns(user, feedback)[:MAX_SHOWN])
    found = list_generations_for(user).filter(id__in=[rerun.generation_id for rerun in asked])
    generations = {one.id: one for one in found.prefetch_related("message__sources")}
    return Reruns([_rerun_row(rerun.model_version, generations.get(rerun.generation_id)) for rerun in asked])


def _rerun_row(model_version: str, generation: Generation | None) -> RerunRow:
    if generation is None:
        return RerunRow(model_version, None, "", "Deleted: a re-run is kept for a week", [])
    text = generation.checkpoint if generation.is_live else generation.message.text
    sources = [{"n": s.n, "document": s.document_name, "page": s.page} for s in generation.message.sources.all()]
    return RerunRow(model_version, generation, text, _STATES.get(generation.status, ""), sources)


def _askable(user: User) -> list[str]:
    """Versions that some worker can answer with now, all of them while none has said so; the serving one first."""
    served = list_served_versions()
    return [version.name for version in list_asked_versions_for(user) if served is None or version.id in served]
