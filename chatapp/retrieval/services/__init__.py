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

__all__ = [
    "Refusal",
    "create_collection",
    "delete_document",
    "process_document",
    "retry_document",
    "sweep_documents",
    "upload_document",
    "upload_documents",
]
