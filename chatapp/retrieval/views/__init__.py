"""The pages below `/knowledge/`."""

from chatapp.retrieval.views.pages import (
    collection,
    create_collection,
    delete_document,
    document,
    documents,
    knowledge,
    retry_document,
)

__all__ = [
    "collection",
    "create_collection",
    "delete_document",
    "document",
    "documents",
    "knowledge",
    "retry_document",
]
