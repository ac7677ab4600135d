"""Writes of this app."""

from chatapp.retrieval.services.collection_removal import delete_collection, purge_collections
from chatapp.retrieval.services.collection_settings import PASSAGE_CHARACTERS, set_access, update_collection
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
    "PASSAGE_CHARACTERS",
    "Refusal",
    "add_version",
    "create_collection",
    "delete_collection",
    "delete_document",
    "delete_file_on_commit",
    "process_document",
    "purge_collections",
    "retry_document",
    "set_access",
    "sweep_documents",
    "update_collection",
    "upload_document",
    "upload_documents",
]
