"""What a worker writes of the answer that it holds. Each write names the attempt: a zombie's finds no row."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from chatapp.accounts.models import User
from chatapp.conversations import events
from chatapp.conversations.models import TRIALS, Conversation, Generation, Message, Source, Status
from chatapp.conversations.selectors import get_generation_for
from chatapp.conversations.services.metering import settle_answer
from chatapp.conversations.services.outcomes import describe_outcome
from chatapp.inference.services import record_outcome, set_thumb
from chatapp.moderation.checks import Finding
from chatapp.moderation.selectors import count_flags, thumb_of
from chatapp.moderation.services import is_sampled, sample_exchange
from chatapp.moderation.services import record_exchange as record_moderation_exchange
from chatapp.retrieval.search import Passage


@dataclass(frozen=True, kw_only=True)
class FinishedAnswer:
    """How an answer ended. `original` is what a policy took away; `cited` are numbers of sources.

    `weak_citations` are the offsets in the text of those that the source does not bear out; `support` says of each
    citation that was checked which document version it names, and whether that bears the sentence out.
    """

    status: Status
    text: str
    finish_reason: str = ""
    error_code: str = ""
    original: str = ""
    findings: Sequence[Finding] = ()
    cited: frozenset[int] = frozenset()
    weak_citations: tuple[int, ...] = ()
    support: tuple[tuple[UUID, bool], ...] = ()
    prompt_tokens: int = 0
    completion_tokens: int = 0
    first_token_at: datetime | None = None


def request_stop(*, user: User, generation_id: UUID) -> Generation:
    """Ends a queued answer at once and tells the worker of a running one; a finished one stays as it is.

    Raises ChatappError("not_found").
    """
    generation = get_generation_for(user, generation_id)
    queued = Generation.objects.filter(id=generation.id, status=Status.QUEUED)
    if queued.update(status=Status.STOPPED, finish_reason="stop", finished_at=Now()):
        transaction.on_commit(events.wake_workers)  # What follows it may be claimed now.
        transaction.on_commit(partial(settle_answer, generation_id))
    else:
        Generation.objects.filter(id=generation.id, status=Status.ANSWERING).update(stop_requested=True)
        transaction.on_commit(lambda: events.publish_stop(generation_id))
    return get_generation_for(user, generation_id)


def stop_all_of(*, user_id: UUID) -> int:
    """Stops whatever waits or runs for the user, as when their account is closed. Returns how many that were."""
    live = Generation.objects.filter(user_id=user_id)
    with transaction.atomic():
        stopped = live.filter(status=Status.QUEUED).update(
            status=Status.STOPPED, finish_reason="stop", finished_at=Now()
        )
        running = list(live.filter(status=Status.ANSWERING).values_list("id", flat=True))
        live.filter(id__in=running, status=Status.ANSWERING).update(stop_requested=True)
        for generation_id in running:
            transaction.on_commit(partial(events.publish_stop, generation_id))
    return stopped + len(running)


def held_row(generation: Generation) -> QuerySet[Generation]:
    """The row while this attempt holds it; empty once another attempt or the sweeper does: then write nothing."""
    return Generation.objects.filter(id=generation.id, attempt=generation.attempt, status=Status.ANSWERING)


def has_ended(generation: Generation, status: Status) -> bool:
    """Whether this attempt ended so: a commit may have happened though its reply was lost."""
    return Generation.objects.filter(id=generation.id, attempt=generation.attempt, status=status).exists()


def store_sources(generation: Generation, passages: Sequence[Passage]) -> None:
    """Numbers the passages from 1, replacing those of an earlier attempt."""
    with transaction.atomic():
        Source.objects.filter(message_id=generation.message_id).delete()
        Source.objects.bulk_create(
            Source(
                message_id=generation.message_id,
                n=n,
                document_version_id=passage.document_version_id,
                chunk_id=passage.chunk_id,
                document_name=passage.document_name,
                page=passage.page,
                quote=passage.given,
            )
            for n, passage in enumerate(passages, start=1)
        )


def finish_generation(generation: Generation, finished: FinishedAnswer) -> bool:
    """The terminal commit. False when the lease was lost: then nothing is written."""
    with transaction.atomic():
        committed = held_row(generation).update(
            status=finished.status,
            finish_reason=finished.finish_reason,
            error_code=finished.error_code,
            prompt_tokens=finished.prompt_tokens,
            completion_tokens=finished.completion_tokens,
            first_token_at=finished.first_token_at,
            policy_version=generation.policy_version,
            summary_id=generation.summary_id,
            is_cached=generation.is_cached,
            finished_at=Now(),
            checkpoint="",
            lease_until=None,
        )
        if not committed:
            return False
        Message.objects.filter(id=generation.message_id).update(
            text=finished.text, weak_citations=list(finished.weak_citations)
        )
        Source.objects.filter(message_id=generation.message_id, n__in=finished.cited).update(cited=True)
        record_exchange(generation, answer=finished.text, original=finished.original, findings=finished.findings)
        is_complete = finished.status == Status.COMPLETE
        if is_complete and is_sampled(generation.id) and not generation.message.conversation.is_temporary:
            sample_exchange(generation_id=generation.id)
    return True


def end_generation(generation: Generation, finished: FinishedAnswer) -> None:
    """The end of an answer that no worker holds. The caller has locked the row."""
    Generation.objects.filter(id=generation.id).update(
        status=finished.status,
        finish_reason=finished.finish_reason,
        error_code=finished.error_code,
        finished_at=Now(),
        lease_until=None,
        checkpoint="",
    )
    Message.objects.filter(id=generation.message_id).update(text=finished.text)
    record_exchange(generation, answer=finished.text, original=finished.original, findings=finished.findings)
    transaction.on_commit(lambda: events.publish_end(generation.id, generation.attempt, finished.status))


def record_exchange(
    generation: Generation, *, answer: str, original: str = "", findings: Sequence[Finding] = ()
) -> None:
    """Writes down to moderation what review works on. Called inside the terminal commit."""
    question = generation.message.parent
    known = [Finding.from_dict(stored) for stored in generation.input_verdicts]
    sources = Source.objects.filter(message_id=generation.message_id).select_related("document_version")
    record_moderation_exchange(
        generation_id=generation.id,
        user=generation.user,
        question=question.text if question else "",
        answer=answer,
        original=original,
        sources=[_source(source) for source in sources],
        route=generation.route_id,
        model_version=generation.version.name if generation.version else "",
        policy_version=generation.policy_version,
        findings=[*known, *findings],
        is_trial=generation.message.conversation.origin in TRIALS,
    )


def _source(source: Source) -> dict[str, object]:
    document_id = str(source.document_version.document_id) if source.document_version else None
    return {"n": source.n, "document": source.document_name, "page": source.page, "document_id": document_id}


def record_aftermath(generation_id: UUID) -> None:
    """Outcome row, unused tokens, and the conversation's place in the list. Idempotent; may run late or twice."""
    parts = ("message__conversation", "rollout")
    generation = Generation.objects.select_related(*parts).filter(id=generation_id).first()
    if generation is None or generation.finished_at is None:
        return
    settle_answer(generation_id)
    record_outcome(
        generation_id=generation.id,
        user_id=generation.user_id,
        version_id=generation.version_id,
        status=generation.status,
        prompt_tokens=generation.prompt_tokens,
        completion_tokens=generation.completion_tokens,
        first_token_seconds=_seconds(generation.claimed_at, generation.first_token_at),
        duration_seconds=_seconds(generation.claimed_at, generation.finished_at),
        flags=count_flags(generation.id),
        **describe_outcome(generation),
    )
    if thumb := thumb_of(generation.id):  # Somebody was quicker than this.
        set_thumb(generation_id=generation.id, thumb=thumb)
    Conversation.objects.filter(id=generation.message.conversation_id).update(updated_at=generation.finished_at)


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    return (end - start).total_seconds() if start and end else None
