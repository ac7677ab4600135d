"""The statements that write the search index. `services/indexing.py` runs them."""

# Numbers come from our own tables; an index's name and predicate cannot be parameters.
CREATE_HNSW = """
CREATE INDEX IF NOT EXISTS embedding_hnsw_{index:d} ON retrieval_embedding
USING hnsw ((vector::halfvec({dimensions:d})) halfvec_cosine_ops) WITH (m = 16, ef_construction = 64)
WHERE index_id = {index:d}
"""
DROP_HNSW = "DROP INDEX IF EXISTS embedding_hnsw_{index:d}"

# Words count alike in heading and text; the weights only tell them apart.
INSERT_ENTRIES = """
INSERT INTO retrieval_searchentry (chunk_id, collection_id, terms, length)
SELECT id, collection_id, terms, (SELECT coalesce(sum(cardinality(positions)), 0) FROM unnest(terms))
FROM (
    SELECT
        id,
        collection_id,
        setweight(to_tsvector('english', heading), 'A') || setweight(to_tsvector('english', text), 'B') AS terms
    FROM retrieval_chunk
    WHERE id = ANY(%(chunks)s)
) AS passages
"""
# Before the vectors go: another index may be filling with one of these passages, which holds its entry meanwhile.
LOCK_ENTRIES = "SELECT FROM retrieval_searchentry WHERE chunk_id = ANY(%(chunks)s) ORDER BY chunk_id FOR UPDATE"
DELETE_ENTRIES = "DELETE FROM retrieval_searchentry WHERE chunk_id = ANY(%(chunks)s)"

# What an old version said, as people have edited it, for the version that brings it back.
COPY_PASSAGES = """
INSERT INTO retrieval_chunk (
    id, version_id, collection_id, ordinal, section, overlap, page, boxes, heading, text, original_text, is_disabled,
    quarantine
)
SELECT
    gen_random_uuid(), %(target)s, collection_id, ordinal, section, overlap, page, boxes, heading, text, original_text,
    is_disabled, quarantine
FROM retrieval_chunk
WHERE version_id = %(source)s
"""

LOCK_SERVING = "SELECT id FROM retrieval_embeddingindex WHERE state = 'serving' FOR SHARE"

PUBLISH_STAGED = """
INSERT INTO retrieval_embedding (index_id, chunk_id, collection_id, vector)
SELECT staged.index_id, staged.chunk_id, c.collection_id, staged.vector
FROM retrieval_stagedembedding staged
JOIN retrieval_chunk c ON c.id = staged.chunk_id
WHERE staged.chunk_id = ANY(%(chunks)s)
"""
DELETE_STAGED = "DELETE FROM retrieval_stagedembedding WHERE chunk_id = ANY(%(chunks)s)"
DELETE_EMBEDDINGS = "DELETE FROM retrieval_embedding WHERE chunk_id = ANY(%(chunks)s)"
