"""The statements of search. Rights are part of each of them, never a filter over what came back."""

from chatapp.retrieval.models import EmbeddingIndex

# Which collections this user reads now. Deactivated accounts read none.
ALLOWED = """
allowed AS MATERIALIZED (
    SELECT col.id, col.slug
    FROM retrieval_collection col
    JOIN accounts_user reader ON reader.id = %(user)s AND reader.is_active
    WHERE (
        col.created_by_id = reader.id
        OR EXISTS (
            SELECT FROM retrieval_collectionaccess granted
            JOIN accounts_user_groups membership ON membership.group_id = granted.group_id
            WHERE granted.collection_id = col.id AND membership.user_id = reader.id
        )
    )
    AND (%(slugs)s::text[] IS NULL OR col.slug = ANY(%(slugs)s::text[]))
)"""

# How much there is to scan, and the query's words as the index has them.
PLAN = f"""
WITH {ALLOWED}
SELECT
    (
        SELECT coalesce(sum(counted.passages), 0)
        FROM retrieval_collectionstatistics counted
        WHERE counted.collection_id IN (SELECT id FROM allowed)
    ),
    tsvector_to_array(to_tsvector('english', %(query)s))
"""  # noqa: S608 (built from constants of this file; values travel as parameters)

# A small set: one pass over all of it. MATERIALIZED, because the planner would take the index, which finds
# 0.17 of the neighbours when the filter lets one per cent through.
_NEAR_EXACT = """
readable AS MATERIALIZED (
    SELECT v.chunk_id AS id, v.vector::halfvec(__dimensions__) <=> %(vector)s::halfvec(__dimensions__) AS distance
    FROM retrieval_embedding v
    WHERE v.index_id = __index__ AND v.collection_id IN (SELECT id FROM allowed)
),
near AS (SELECT id, distance FROM readable ORDER BY distance, id LIMIT %(candidates)s)"""

# A large set: the HNSW index. `relaxed_order` (set for the transaction) keeps looking until enough rows pass.
_NEAR_INDEXED = """
near AS MATERIALIZED (
    SELECT v.chunk_id AS id, v.vector::halfvec(__dimensions__) <=> %(vector)s::halfvec(__dimensions__) AS distance
    FROM retrieval_embedding v
    WHERE v.index_id = __index__ AND v.collection_id = ANY(ARRAY(SELECT id FROM allowed))
    ORDER BY v.vector::halfvec(__dimensions__) <=> %(vector)s::halfvec(__dimensions__)
    LIMIT %(candidates)s
)"""

_WORDED = """
matching AS MATERIALIZED (
    SELECT e.chunk_id AS id, e.terms
    FROM retrieval_searchentry e
    WHERE e.terms @@ %(words)s::tsquery AND e.collection_id = ANY(ARRAY(SELECT id FROM allowed))
    LIMIT %(ranked)s
),
worded AS (
    SELECT id, ts_rank(terms, %(words)s::tsquery) AS weight
    FROM matching
    ORDER BY weight DESC, id
    LIMIT %(candidates)s
)"""

_FUSED = """
ranked AS (
    SELECT id, row_number() OVER (ORDER BY distance, id) AS near_rank, NULL::bigint AS word_rank FROM near
    UNION ALL
    SELECT id, NULL, row_number() OVER (ORDER BY weight DESC, id) FROM worded
),
fused AS (
    SELECT
        id,
        coalesce(1.0 / (%(smoothing)s + min(near_rank)), 0)
        + coalesce(1.0 / (%(smoothing)s + min(word_rank)), 0) AS score
    FROM ranked
    GROUP BY id
)
SELECT
    c.id, d.id, c.version_id, d.name, allowed.slug, c.page, c.heading, c.text,
    fused.score::float8,
    1 - (v.vector::halfvec(__dimensions__) <=> %(vector)s::halfvec(__dimensions__)),
    c.ordinal, c.section, '',
    ARRAY(SELECT unnest(tsvector_to_array(e.terms)) INTERSECT SELECT unnest(%(lexemes)s::text[]))
FROM fused
JOIN retrieval_searchentry e ON e.chunk_id = fused.id
JOIN retrieval_embedding v ON v.chunk_id = fused.id AND v.index_id = __index__
JOIN retrieval_chunk c ON c.id = fused.id
JOIN retrieval_document d ON d.current_id = c.version_id
JOIN allowed ON allowed.id = c.collection_id
ORDER BY fused.score DESC, c.id
"""

EXACT = f"WITH {ALLOWED}, {_NEAR_EXACT}, {_WORDED}, {_FUSED}"
INDEXED = f"WITH {ALLOWED}, {_NEAR_INDEXED}, {_WORDED}, {_FUSED}"


def statement_for(statement: str, index: EmbeddingIndex) -> str:
    """Numbers of our own tables that cannot be parameters, or the planner would not see which HNSW index fits."""
    return statement.replace("__dimensions__", f"{index.dimensions:d}").replace("__index__", f"{index.pk:d}")
