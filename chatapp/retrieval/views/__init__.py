"""The pages below `/knowledge/`."""

from chatapp.retrieval.views.collections import (
    collection,
    create_collection,
    documents,
    knowledge,
    upload_files,
)
from chatapp.retrieval.views.owners import (
    collection_access,
    collection_settings,
    delete_collection,
)
from chatapp.retrieval.views.pages import delete_document, document, retry_document

__all__ = [
    "collection",
    "collection_access",
    "collection_settings",
    "create_collection",
    "delete_collection",
    "delete_document",
    "document",
    "documents",
    "knowledge",
    "retry_document",
    "upload_files",
]
