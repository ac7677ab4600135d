"""The statements that fill an embedding index beside the serving one. `services/filling.py` runs them."""

from chatapp.retrieval.index_sql import CREATE_HNSW, DROP_HNSW

# Outside a transaction only: search and ingestion go on while Postgres builds.
CREATE_HNSW_BESIDE = CREATE_HNSW.replace("CREATE INDEX", "CREATE INDEX CONCURRENTLY")
DROP_HNSW_BESIDE = DROP_HNSW.replace("DROP INDEX", "DROP INDEX CONCURRENTLY")
# A build that was broken off leaves an index that is not valid.
HNSW_IS_VALID = """
SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('embedding_hnsw_{index:d}')
"""
HNSW_BYTES = """
SELECT id, coalesce(pg_relation_size(to_regclass('embedding_hnsw_' || id)), 0) FROM retrieval_embeddingindex
"""

_MISSING = """
FROM retrieval_searchentry e
WHERE NOT EXISTS (SELECT FROM retrieval_embedding v WHERE v.chunk_id = e.chunk_id AND v.index_id = %(index)s)
"""
COUNT_MISSING = f"SELECT count(*) {_MISSING}"
NEXT_PASSAGES = f"""
SELECT c.id, c.heading, c.text
FROM (SELECT e.chunk_id {_MISSING} AND e.chunk_id > %(after)s ORDER BY e.chunk_id LIMIT %(limit)s) AS missing
JOIN retrieval_chunk c ON c.id = missing.chunk_id
ORDER BY c.id
"""  # noqa: S608 (built from constants of this file; values travel as parameters)

# Whoever withdraws a passage or changes its text takes the entry away: what is held stays until the vector is there.
# All rows that the foreign keys look at, and none that is waited for: others lock them in other orders.
HOLD_PASSAGES = """
SELECT e.chunk_id
FROM retrieval_searchentry e
JOIN retrieval_chunk c ON c.id = e.chunk_id
JOIN retrieval_collection col ON col.id = c.collection_id
WHERE e.chunk_id = ANY(%(chunks)s)
FOR KEY SHARE SKIP LOCKED
"""
# The text as `text_to_embed` has it. A statement of its own, which sees what happened until the entries were held.
ADD_VECTORS = """
INSERT INTO retrieval_embedding (index_id, chunk_id, collection_id, vector)
SELECT %(index)s, c.id, c.collection_id, made.vector::halfvec
FROM unnest(%(chunks)s::uuid[], %(texts)s::text[], %(vectors)s::text[]) AS made (chunk_id, text, vector)
JOIN retrieval_searchentry e ON e.chunk_id = made.chunk_id
JOIN retrieval_chunk c ON c.id = made.chunk_id
WHERE c.id = ANY(%(held)s) AND c.heading || E'\\n' || c.text = made.text
ON CONFLICT (chunk_id, index_id) DO NOTHING
"""
DELETE_SOME_VECTORS = """
DELETE FROM retrieval_embedding
WHERE ctid = ANY(ARRAY(SELECT ctid FROM retrieval_embedding WHERE index_id = %(index)s LIMIT %(limit)s))
"""
