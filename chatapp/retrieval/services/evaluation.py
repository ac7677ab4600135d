"""Runs of golden questions against an index. The row is the queue: a task only says that there is work."""

import time
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from uuid import UUID, uuid4

import structlog
from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from chatapp.accounts.models import User
from chatapp.accounts.permissions import require
from chatapp.accounts.services import record_event
from chatapp.announcer import announce
from chatapp.errors import ChatappError
from chatapp.holds import covers_collection
from chatapp.leases import UNLEASED
from chatapp.retrieval.embedding import EmbeddingError
from chatapp.retrieval.evaluation import CUTOFF, Source, figures_of, judge, rank_sources
from chatapp.retrieval.models import (
    Collection,
    Document,
    EmbeddingIndex,
    Evaluation,
    EvaluationResult,
    EvaluationState,
    GoldenQuestion,
)
from chatapp.retrieval.search import find_passages
from chatapp.retrieval.selectors import citation_support, get_reader, role_of

log = structlog.get_logger(__name__)

# Short, so that documents and other evaluations get their turn between two slices.
SLICE_SECONDS = 5.0
LEASE = timedelta(seconds=60)
RETRY_AFTER = timedelta(seconds=15)
MAX_ATTEMPTS = 3
KEPT_RUNS = 200
_LIVE = (EvaluationState.QUEUED, EvaluationState.RUNNING)
_NO_RIGHT = "Whoever started this may not read the collection any more."
_NO_INDEX = "The index was removed meanwhile."
_NO_SEARCH = "Search failed three times. Start it again, or tell your administrator."


def run_evaluation(*, collection: Collection, index: EmbeddingIndex, actor: User) -> Evaluation:
    """Asks the collection's active golden questions by and by, as `actor`, who must still have the rights then.

    Raises ChatappError: forbidden, invalid (no question), evaluation_running.
    """
    require(actor, "retrieval.evaluate_collection", collection)
    questions = list(GoldenQuestion.objects.filter(collection=collection, is_active=True).order_by("created_at", "id"))
    if not questions:
        raise ChatappError("invalid", detail="the collection has no active golden question. Add one first.")
    try:
        with transaction.atomic():
            evaluation = Evaluation.objects.create(
                collection=collection,
                index=index,
                total=len(questions),
                setup=_setup(collection, index),
                started_by=actor,
            )
            EvaluationResult.objects.bulk_create(
                EvaluationResult(evaluation=evaluation, ordinal=number, text=question.text, sources=question.sources)
                for number, question in enumerate(questions)
            )
            detail: dict[str, object] = {"collection": collection.slug, "index": index.pk, "model": index.model}
            record_event(actor=actor, action="evaluation.started", obj=evaluation, detail=detail)
            _forget_old_runs(collection)
            transaction.on_commit(partial(_send, str(evaluation.pk)), robust=True)
    except IntegrityError:
        raise ChatappError("evaluation_running") from None
    return evaluation


@transaction.atomic
def cancel_evaluation(*, user: User, evaluation: Evaluation) -> None:
    """What was found so far stays. Raises ChatappError: forbidden, evaluation_over."""
    require(user, "retrieval.evaluate_collection", evaluation.collection)
    live = Evaluation.objects.filter(pk=evaluation.pk, state__in=_LIVE)
    if not live.update(state=EvaluationState.CANCELLED, lease=None, lease_until=None, finished_at=Now()):
        raise ChatappError("evaluation_over")
    record_event(actor=user, action="evaluation.cancelled", obj=evaluation)


def continue_evaluation(*, evaluation_id: UUID) -> bool:
    """One slice; whether more is left. Does nothing for a run that is over or held by another slice."""
    run = _claim(evaluation_id)
    if run is None:
        return False
    try:
        return _ask(run)
    except EmbeddingError:
        log.exception("evaluation_embedding_failed", evaluation=str(evaluation_id))
    except Exception:
        log.exception("evaluation_failed", evaluation=str(evaluation_id))
    if run.evaluation.attempts >= MAX_ATTEMPTS:
        run.end(EvaluationState.FAILED, error=_NO_SEARCH)
    else:
        run.rows().update(state=EvaluationState.QUEUED, lease=None, lease_until=Now() + RETRY_AFTER)
    return False


def sweep_evaluations() -> list[UUID]:
    """Runs that wait for a worker or whose worker died, oldest first; those that killed theirs too often fail."""
    free = Evaluation.objects.filter(state__in=_LIVE).filter(UNLEASED)
    lost = free.filter(attempts__gte=MAX_ATTEMPTS)
    lost.update(state=EvaluationState.FAILED, error=_NO_SEARCH, lease=None, lease_until=None, finished_at=Now())
    return list(free.order_by("created_at").values_list("pk", flat=True)[:20])


@dataclass(frozen=True, slots=True)
class _Run:
    evaluation: Evaluation
    lease: UUID

    def rows(self) -> QuerySet[Evaluation]:
        return Evaluation.objects.filter(pk=self.evaluation.pk, lease=self.lease, state=EvaluationState.RUNNING)

    def end(self, state: EvaluationState, **columns: object) -> None:
        self.rows().update(state=state, lease=None, lease_until=None, finished_at=Now(), **columns)


def _claim(evaluation_id: UUID) -> _Run | None:
    lease = uuid4()
    free = Evaluation.objects.filter(pk=evaluation_id, state__in=_LIVE, attempts__lt=MAX_ATTEMPTS)
    claimed = free.filter(UNLEASED).update(
        state=EvaluationState.RUNNING, lease=lease, lease_until=Now() + LEASE, attempts=F("attempts") + 1
    )
    if not claimed:
        return None
    found = Evaluation.objects.select_related("collection", "index", "started_by").filter(pk=evaluation_id, lease=lease)
    evaluation = found.first()
    return _Run(evaluation, lease) if evaluation else None


def _ask(run: _Run) -> bool:
    evaluation, until = run.evaluation, time.monotonic() + SLICE_SECONDS
    waiting = EvaluationResult.objects.filter(evaluation=evaluation, ranks__isnull=True).order_by("ordinal")
    for result in waiting.iterator(chunk_size=50):
        user = get_reader(evaluation.started_by_id) if evaluation.started_by_id else None
        if user is None or role_of(user, evaluation.collection) is None:
            run.end(EvaluationState.FAILED, error=_NO_RIGHT)
            return False
        if evaluation.index is None:
            run.end(EvaluationState.FAILED, error=_NO_INDEX)
            return False
        _ask_one(result, user=user, slug=evaluation.collection.slug, index=evaluation.index)
        with transaction.atomic():
            if not run.rows().update(done=F("done") + 1, lease_until=Now() + LEASE):
                return False  # cancelled, or taken over
            result.save(update_fields=["ranks", "found", "milliseconds"])
        if time.monotonic() > until:
            return bool(run.rows().update(lease=None, lease_until=None, attempts=0))
    _complete(run)
    return False


def _ask_one(result: EvaluationResult, *, user: User, slug: str, index: EmbeddingIndex) -> None:
    """As the user, in this one collection: rights are part of the search itself."""
    start = time.perf_counter()
    passages = find_passages(user=user, query=result.text, collections=[slug], k=CUTOFF, index=index)
    result.milliseconds = round(1000 * (time.perf_counter() - start), 1)
    result.ranks = rank_sources([Source.from_dict(source) for source in result.sources], passages)
    result.found = [
        {
            "document": passage.document_name,
            "document_id": str(passage.document_id),
            "ordinal": passage.ordinal,
            "page": passage.page,
            "similarity": round(passage.similarity, 3),
        }
        for passage in passages
    ]


def _complete(run: _Run) -> None:
    results = list(EvaluationResult.objects.filter(evaluation=run.evaluation))
    judged = [judge(result.ranks or [], found=len(result.found)) for result in results]
    figures = figures_of(judged, milliseconds=[result.milliseconds or 0 for result in results])
    supported, cited = citation_support(run.evaluation.collection)
    figures |= {"cited": cited, "citation_support": round(supported / cited, 4) if cited else None}
    run.end(EvaluationState.COMPLETE, figures=figures)
    log.info("evaluation_complete", evaluation=str(run.evaluation.pk), **figures)


def _setup(collection: Collection, index: EmbeddingIndex) -> dict[str, object]:
    statistics = getattr(collection, "statistics", None)
    return {
        "index": index.pk,
        "model": index.model,
        "documents": Document.objects.filter(collection=collection).exclude(current=None).count(),
        "passages": statistics.passages if statistics else 0,
        "chunk_characters": collection.chunk_characters,
        "chunk_overlap": collection.chunk_overlap,
    }


def _forget_old_runs(collection: Collection) -> None:
    if covers_collection(collection.pk):
        return
    kept = Evaluation.objects.filter(collection=collection).values("pk")[:KEPT_RUNS]
    Evaluation.objects.filter(collection=collection).exclude(pk__in=kept).delete()


def _send(evaluation_id: str) -> None:
    from chatapp.retrieval.tasks import evaluate

    announce("evaluation", partial(evaluate.delay, evaluation_id))
