"""The only way to collections and documents from outside this app; every function answers for one user."""

from chatapp.retrieval.selectors.collections import (
    get_collection_for,
    list_collections_for,
    list_groups,
    require_collections,
    role_of,
)
from chatapp.retrieval.selectors.documents import (
    DOCUMENTS_PER_PAGE,
    get_document_for,
    get_version_for,
    has_unfinished_documents,
    list_documents_for,
    page_of_documents_for,
)
from chatapp.retrieval.selectors.overviews import Overview, extent_of, overview_of, page_of_overviews_for
from chatapp.retrieval.selectors.passages import (
    PASSAGES_PER_PAGE,
    get_passage_for,
    list_passages_for,
    page_of_passages_for,
    passage_url,
)
from chatapp.retrieval.selectors.searching import get_reader, get_serving_index

__all__ = [
    "DOCUMENTS_PER_PAGE",
    "PASSAGES_PER_PAGE",
    "Overview",
    "extent_of",
    "get_collection_for",
    "get_document_for",
    "get_passage_for",
    "get_reader",
    "get_serving_index",
    "get_version_for",
    "has_unfinished_documents",
    "list_collections_for",
    "list_documents_for",
    "list_groups",
    "list_passages_for",
    "overview_of",
    "page_of_documents_for",
    "page_of_overviews_for",
    "page_of_passages_for",
    "passage_url",
    "require_collections",
    "role_of",
]
