"""Collections and their documents, and what search reads of them."""

from chatapp.retrieval.models.collections import AccessRole, Collection, CollectionAccess
from chatapp.retrieval.models.connectors import OPEN_STATUSES, Connector, ConnectorKind, SyncedItem, SyncRun, SyncStatus
from chatapp.retrieval.models.documents import (
    Chunk,
    Document,
    DocumentStatus,
    DocumentVersion,
    IngestionParty,
    storage_key,
)
from chatapp.retrieval.models.evaluation import (
    QUESTION_MAX_CHARACTERS,
    CitationSupport,
    Evaluation,
    EvaluationResult,
    EvaluationState,
    GoldenQuestion,
    QuestionOrigin,
)
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
    "OPEN_STATUSES",
    "QUESTION_MAX_CHARACTERS",
    "AccessRole",
    "Chunk",
    "CitationSupport",
    "Collection",
    "CollectionAccess",
    "CollectionStatistics",
    "Connector",
    "ConnectorKind",
    "Document",
    "DocumentStatus",
    "DocumentVersion",
    "Embedding",
    "EmbeddingIndex",
    "Evaluation",
    "EvaluationResult",
    "EvaluationState",
    "GoldenQuestion",
    "IndexState",
    "IngestionParty",
    "QuestionOrigin",
    "SearchEntry",
    "StagedEmbedding",
    "SyncRun",
    "SyncStatus",
    "SyncedItem",
    "TermStatistics",
    "storage_key",
]
