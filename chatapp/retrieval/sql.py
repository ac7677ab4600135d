"""The statements of search. Rights are part of each of them, never a filter over what came back."""

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

# How much there is to scan, counted no further than to the limit, and the query's words as the index has them.
PLAN = f"""
WITH {ALLOWED}
SELECT
    (
        SELECT count(*) FROM (
            SELECT FROM retrieval_chunk c
            JOIN retrieval_document d ON d.current_id = c.version_id
            WHERE c.collection_id IN (SELECT id FROM allowed)
            LIMIT %(limit)s
        ) AS counted
    ),
    tsvector_to_array(to_tsvector('english', %(query)s))
"""  # noqa: S608 (built from constants of this file; values travel as parameters)

# A small set: one pass over all of it. MATERIALIZED, because the planner would take the index, which finds
# 0.17 of the neighbours when the filter lets one per cent through.
_NEAR_EXACT = """
readable AS MATERIALIZED (
    SELECT c.id, c.embedding <=> %(vector)s::halfvec AS distance, c.search
    FROM retrieval_chunk c
    JOIN retrieval_document d ON d.current_id = c.version_id
    WHERE c.collection_id IN (SELECT id FROM allowed)
),
near AS (SELECT id, distance FROM readable ORDER BY distance, id LIMIT %(candidates)s),
worded AS (
    SELECT id, ts_rank(search, %(words)s::tsquery) AS weight
    FROM readable
    WHERE search @@ %(words)s::tsquery
    ORDER BY weight DESC, id
    LIMIT %(candidates)s
)"""

# A large set: both indexes. `relaxed_order` (set for the transaction) keeps looking until enough rows pass.
_NEAR_INDEXED = """
near AS MATERIALIZED (
    SELECT c.id, c.embedding <=> %(vector)s::halfvec AS distance
    FROM retrieval_chunk c
    WHERE c.collection_id = ANY(ARRAY(SELECT id FROM allowed))
    AND EXISTS (SELECT FROM retrieval_document d WHERE d.current_id = c.version_id)
    ORDER BY c.embedding <=> %(vector)s::halfvec
    LIMIT %(candidates)s
),
matching AS MATERIALIZED (
    SELECT c.id, c.search
    FROM retrieval_chunk c
    JOIN retrieval_document d ON d.current_id = c.version_id
    WHERE c.search @@ %(words)s::tsquery AND c.collection_id = ANY(ARRAY(SELECT id FROM allowed))
    LIMIT %(ranked)s
),
worded AS (
    SELECT id, ts_rank(search, %(words)s::tsquery) AS weight
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
    1 - (c.embedding <=> %(vector)s::halfvec),
    ARRAY(SELECT unnest(tsvector_to_array(c.search)) INTERSECT SELECT unnest(%(lexemes)s::text[]))
FROM fused
JOIN retrieval_chunk c ON c.id = fused.id
JOIN retrieval_document d ON d.current_id = c.version_id
JOIN allowed ON allowed.id = c.collection_id
ORDER BY fused.score DESC, c.id
"""

EXACT = f"WITH {ALLOWED}, {_NEAR_EXACT}, {_FUSED}"
INDEXED = f"WITH {ALLOWED}, {_NEAR_INDEXED}, {_FUSED}"
