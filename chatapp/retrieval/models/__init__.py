"""Collections and their documents, and what search reads of them."""

from chatapp.retrieval.models.collections import AccessRole, Collection, CollectionAccess
from chatapp.retrieval.models.documents import Chunk, Document, DocumentStatus, DocumentVersion, storage_key
from chatapp.retrieval.models.search_index import (
    CollectionStatistics,
    Embedding,
    EmbeddingIndex,
    IndexState,
    SearchEntry,
    StagedEmbedding,
    TermStatistics,
)

__all__ = [
    "AccessRole",
    "Chunk",
    "Collection",
    "CollectionAccess",
    "CollectionStatistics",
    "Document",
    "DocumentStatus",
    "DocumentVersion",
    "Embedding",
    "EmbeddingIndex",
    "IndexState",
    "SearchEntry",
    "StagedEmbedding",
    "TermStatistics",
    "storage_key",
]
