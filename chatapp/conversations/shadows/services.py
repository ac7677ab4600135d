"""Unseen answers: expected, stored, given up. A row of figures is written once it is known that one is wanted."""

from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from chatapp.conversations.models import Generation, Message, Status
from chatapp.conversations.selectors import weak_sources
from chatapp.conversations.services import FinishedAnswer
from chatapp.conversations.shadow_models import ShadowAnswer
from chatapp.inference.models import Rollout, ShadowOutcome, ShadowState, Task
from chatapp.inference.refusals import is_refusal
from chatapp.inference.services import record_side_work
from chatapp.moderation.checks import Finding
from chatapp.moderation.models import Stage
from chatapp.moderation.selectors import count_output_flags
from chatapp.moderation.services.exchanges import FOR_REVIEW

_STATES = {
    Status.COMPLETE: ShadowState.COMPLETE,
    Status.BLOCKED: ShadowState.BLOCKED,
    Status.RETRACTED: ShadowState.BLOCKED,
}


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds from the prompt on."""

    first_token: float | None
    whole: float


def expect_shadow(generation: Generation, rollout: Rollout) -> None:
    """Idempotent."""
    ShadowOutcome.objects.get_or_create(
        generation_id=generation.pk, defaults={"rollout": rollout, "user_id": generation.user_id}
    )


def give_up_shadow(generation_id: UUID, state: ShadowState, *, error_code: str = "") -> None:
    """Nothing was written, because nobody had time for it (`skipped`) or because it failed."""
    ShadowOutcome.objects.filter(pk=generation_id, state=ShadowState.WAITING).update(state=state, error_code=error_code)


@transaction.atomic
def store_shadow(generation: Generation, rollout: Rollout, finished: FinishedAnswer, times: Times) -> None:
    """The text only where the conversation is still there, the figures in any case. The first one stands."""
    state = _STATES.get(finished.status, ShadowState.FAILED)
    is_complete = state == ShadowState.COMPLETE
    expected = ShadowOutcome.objects.filter(pk=generation.pk, rollout=rollout, state=ShadowState.WAITING)
    is_first = expected.update(
        state=state,
        error_code=finished.error_code,
        prompt_tokens=finished.prompt_tokens,
        completion_tokens=finished.completion_tokens,
        first_token_seconds=times.first_token,
        duration_seconds=times.whole,
        cited=len(finished.cited),
        supported=len(finished.cited - _weak_sources(finished)),
        flags=sum(_asks_for_person(finding) for finding in finished.findings),
        baseline_flags=count_output_flags(generation.pk),
        is_refusal=is_complete and is_refusal(finished.text),
        is_cut=finished.finish_reason == "length" or finished.error_code == "empty_answer",
    )
    if is_first and is_complete and _still_there(generation):
        ShadowAnswer.objects.get_or_create(generation=generation, defaults={"rollout": rollout, "text": finished.text})
    record_side_work(
        user_id=None,  # The company's tokens: who asked knows of none.
        version_id=rollout.candidate_id,
        task=Task.SHADOW,
        prompt_tokens=finished.prompt_tokens,
        completion_tokens=finished.completion_tokens,
    )


def _still_there(generation: Generation) -> bool:
    """Locked, so that a deletion of the conversation waits, and takes the text along."""
    rows = Generation.objects.select_for_update(no_key=True).filter(pk=generation.pk)
    return rows.values_list("pk", flat=True).first() is not None


def _weak_sources(finished: FinishedAnswer) -> set[int]:
    return weak_sources(Message(text=finished.text, weak_citations=list(finished.weak_citations)))


def _asks_for_person(finding: Finding) -> bool:
    """As a flag on the answer would; what is said of question and passages is the same for both versions."""
    return finding.stage == Stage.OUTPUT and finding.action in FOR_REVIEW and not finding.is_shadow
