"""Golden questions and evaluations, for those who may edit the collection; to all others they do not exist."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.core.paginator import Page, Paginator
from django.db.models import F, Q, QuerySet, Sum, Window
from django.db.models.functions import Now, RowNumber, TruncDate

from chatapp.accounts.models import User
from chatapp.errors import ChatappError
from chatapp.retrieval.models import (
    AccessRole,
    CitationSupport,
    Collection,
    CollectionAccess,
    Document,
    EmbeddingIndex,
    Evaluation,
    EvaluationResult,
    EvaluationState,
    GoldenQuestion,
    IndexState,
)
from chatapp.retrieval.selectors.collections import list_collections_for

QUESTIONS_PER_PAGE = 50
RUNS_SHOWN = 50
NAMES_OFFERED = 500
SUPPORT_DAYS = 30
_MEASURES = ("recall_at_3", "recall_at_10", "mrr", "ndcg_at_10")


def list_editable_collections_for(user: User | AnonymousUser) -> QuerySet[Collection]:
    if not isinstance(user, User) or not user.is_active:
        return Collection.objects.none()
    granted = CollectionAccess.objects.filter(group__user=user, role__in=[AccessRole.EDITOR, AccessRole.OWNER])
    return Collection.objects.filter(Q(created_by=user) | Q(pk__in=granted.values("collection"))).order_by("name", "id")


def list_golden_questions_for(user: User, collection: Collection) -> QuerySet[GoldenQuestion]:
    """Newest first."""
    mine = GoldenQuestion.objects.filter(collection__in=list_editable_collections_for(user))
    return mine.filter(collection=collection).select_related("created_by")


def page_of_golden_questions_for(user: User, collection: Collection, *, page: int) -> Page[GoldenQuestion]:
    """A page past the end is the last one."""
    return Paginator(list_golden_questions_for(user, collection), QUESTIONS_PER_PAGE).get_page(page)


def get_golden_question_for(user: User, question_id: UUID) -> GoldenQuestion:
    """Raises ChatappError("not_found")."""
    mine = GoldenQuestion.objects.filter(collection__in=list_editable_collections_for(user))
    question = mine.select_related("collection").filter(pk=question_id).first()
    if question is None:
        raise ChatappError("not_found")
    return question


def list_golden_questions_of_readable(user: User, *, limit: int) -> list[GoldenQuestion]:
    """Active ones of the collections that the user may read, as many of each as fit: for runs that ask them.

    Whoever gets them asks with the user's rights, and shows a question only to readers of its collection.
    """
    number = Window(RowNumber(), partition_by=F("collection"), order_by=[F("created_at").desc(), F("id").desc()])
    asked = GoldenQuestion.objects.filter(collection__in=list_collections_for(user), is_active=True)
    numbered = asked.select_related("collection").annotate(number=number).order_by("number", "collection__slug")
    return sorted(numbered[:limit], key=lambda question: (question.collection.slug, question.created_at))


def list_evaluations_for(user: User, collection: Collection | None = None) -> QuerySet[Evaluation]:
    """Newest first."""
    mine = Evaluation.objects.filter(collection__in=list_editable_collections_for(user))
    mine = mine.select_related("collection", "started_by")
    return mine.filter(collection=collection) if collection else mine


def get_evaluation_for(user: User, evaluation_id: UUID) -> Evaluation:
    """Raises ChatappError("not_found")."""
    evaluation = list_evaluations_for(user).filter(pk=evaluation_id).first()
    if evaluation is None:
        raise ChatappError("not_found")
    return evaluation


def list_results(evaluation: Evaluation) -> QuerySet[EvaluationResult]:
    """Of an evaluation that somebody has been given, in the order of its questions."""
    return EvaluationResult.objects.filter(evaluation=evaluation).order_by("ordinal")


def list_indexes() -> QuerySet[EmbeddingIndex]:
    """Those that hold every passage, so that they can be compared: the serving one first."""
    whole = [IndexState.SERVING, IndexState.READY, IndexState.RETIRED]
    return EmbeddingIndex.objects.filter(state__in=whole).order_by("-state", "-id")


def get_whole_index(index_id: int | None) -> EmbeddingIndex:
    """One of `list_indexes`, the serving one without an id. Raises ChatappError("not_found")."""
    index = list_indexes().filter(pk=index_id).first() if index_id else list_indexes().first()
    if index is None:
        raise ChatappError("not_found")
    return index


def document_names(collection: Collection) -> list[str]:
    """To choose from: at most NAMES_OFFERED, newest first."""
    newest = Document.objects.filter(collection=collection).order_by("-created_at", "-id")
    return list(newest.values_list("name", flat=True)[:NAMES_OFFERED])


def missing_documents(collection: Collection, names: AbstractSet[str]) -> set[str]:
    """Those of `names` that no document of the collection has."""
    known = Document.objects.filter(collection=collection, name__in=names).values_list("name", flat=True)
    return set(names) - set(known)


def citation_support(collection: Collection) -> tuple[int, int]:
    """Of the last SUPPORT_DAYS days' citations of the collection: how many support their sentence, and of how many."""
    recent = CitationSupport.objects.filter(collection=collection, day__gte=TruncDate(Now() - timedelta(SUPPORT_DAYS)))
    total = recent.aggregate(cited=Sum("cited"), supported=Sum("supported"))
    return total["supported"] or 0, total["cited"] or 0


def latest_figures(index: EmbeddingIndex) -> dict[str, float | int] | None:
    """The measures of the last complete evaluation of each collection on this index, weighted by its questions.

    No name of a collection or question is in it, so whoever operates indexes may see it. None without evaluations.
    """
    return latest_figures_by_index([index]).get(index.pk)


def latest_figures_by_index(indexes: Iterable[EmbeddingIndex]) -> dict[int, dict[str, float | int]]:
    """`latest_figures` of several, by their ids; those without evaluations are left out."""
    complete = Evaluation.objects.filter(index__in=indexes, state=EvaluationState.COMPLETE)
    latest = complete.order_by("index_id", "collection_id", "-created_at").distinct("index_id", "collection_id")
    found: dict[int, list[dict[str, Any]]] = {}
    for index_id, figures in latest.values_list("index_id", "figures"):
        if figures:
            found.setdefault(index_id, []).append(figures)
    return {index_id: _weighted(figures) for index_id, figures in found.items()}


def _weighted(figures: Sequence[Mapping[str, Any]]) -> dict[str, float | int]:
    answerable = sum(one["answerable"] for one in figures)
    sums = {
        measure: sum(one[measure] * one["answerable"] for one in figures if one["answerable"]) for measure in _MEASURES
    }
    shares = {measure: round(total / answerable, 4) for measure, total in sums.items()} if answerable else {}
    others = [(one["no_answer_accuracy"], one["questions"] - one["answerable"]) for one in figures]
    unanswerable = sum(count for share, count in others if share is not None)
    if unanswerable:
        right = sum(share * count for share, count in others if share is not None)
        shares["no_answer_accuracy"] = round(right / unanswerable, 4)
    return {"collections": len(figures), "questions": sum(one["questions"] for one in figures), **shares}
