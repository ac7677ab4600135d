"""Writes of this app."""

from chatapp.retrieval.services.collections import create_collection
from chatapp.retrieval.services.documents import (
    Refusal,
    delete_document,
    retry_document,
    upload_document,
    upload_documents,
)
from chatapp.retrieval.services.processing import process_document, sweep_documents
from chatapp.retrieval.services.versions import add_version, delete_file_on_commit

__all__ = [
    "Refusal",
    "add_version",
    "create_collection",
    "delete_document",
    "delete_file_on_commit",
    "process_document",
    "retry_document",
    "sweep_documents",
    "upload_document",
    "upload_documents",
]
