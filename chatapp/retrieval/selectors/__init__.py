"""The only way to collections and documents from outside this app; every function answers for one user."""

from chatapp.retrieval.selectors.collections import (
    get_collection_for,
    list_collections_for,
    list_groups,
    require_collections,
    role_of,
)
from chatapp.retrieval.selectors.document_lists import DocumentFilter, Sort, State, page_of_documents_for
from chatapp.retrieval.selectors.documents import (
    DOCUMENTS_PER_PAGE,
    get_document_for,
    get_version_for,
    list_documents_for,
)
from chatapp.retrieval.selectors.evaluation import (
    QUESTIONS_PER_PAGE,
    RUNS_SHOWN,
    SUPPORT_DAYS,
    citation_support,
    get_evaluation_for,
    get_golden_question_for,
    latest_figures,
    list_editable_collections_for,
    list_evaluations_for,
    list_golden_questions_for,
    list_indexes,
    list_results,
    missing_documents,
    page_of_golden_questions_for,
)
from chatapp.retrieval.selectors.indexes import get_index_for, list_indexes_for
from chatapp.retrieval.selectors.overviews import Overview, extent_of, grants_of, overview_of, page_of_overviews_for
from chatapp.retrieval.selectors.passages import (
    PASSAGES_PER_PAGE,
    get_passage_for,
    list_neighbours_for,
    list_passages_for,
    page_of_passages_for,
    passage_url,
)
from chatapp.retrieval.selectors.searching import get_reader, get_serving_index

__all__ = [
    "DOCUMENTS_PER_PAGE",
    "PASSAGES_PER_PAGE",
    "QUESTIONS_PER_PAGE",
    "RUNS_SHOWN",
    "SUPPORT_DAYS",
    "DocumentFilter",
    "Overview",
    "Sort",
    "State",
    "citation_support",
    "extent_of",
    "get_collection_for",
    "get_document_for",
    "get_evaluation_for",
    "get_golden_question_for",
    "get_index_for",
    "get_passage_for",
    "get_reader",
    "get_serving_index",
    "get_version_for",
    "grants_of",
    "latest_figures",
    "list_collections_for",
    "list_documents_for",
    "list_editable_collections_for",
    "list_evaluations_for",
    "list_golden_questions_for",
    "list_groups",
    "list_indexes",
    "list_indexes_for",
    "list_neighbours_for",
    "list_passages_for",
    "list_results",
    "missing_documents",
    "overview_of",
    "page_of_documents_for",
    "page_of_golden_questions_for",
    "page_of_overviews_for",
    "page_of_passages_for",
    "passage_url",
    "require_collections",
    "role_of",
]
