"""What search and ingestion measure."""

from prometheus_client import Counter, Histogram

RETRIEVAL_SECONDS = Histogram(
    "chatapp_retrieval_seconds",
    "One stage of a search: `plan`, `embed`, `search` or `rerank`.",
    ["stage"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
INGESTION_DOCUMENTS = Counter("chatapp_ingestion_documents", "Documents that ended their processing.", ["status"])
QUERY_CACHE = Counter(
    "chatapp_query_embeddings", "Vectors of queries: `hit` when the cache had it, `miss` when it was made.", ["result"]
)
CITED_SENTENCES = Counter(
    "chatapp_cited_sentences", "Sentences that cite a passage: `supported` by it, or `weak`.", ["support"]
)
RERANK_FAILURES = Counter(
    "chatapp_rerank_failures", "Searches whose order is the unreranked one, because the reranker could not be used."
)
