"""The statements of search. Rights are part of each of them, never a filter over what came back."""

from collections.abc import Sequence

from chatapp.retrieval.models import EmbeddingIndex
from chatapp.retrieval.search.terms import Term

# Which collections this user reads now. Deactivated accounts read none.
ALLOWED = """
allowed AS MATERIALIZED (
    SELECT col.id, col.slug
    FROM retrieval_collection col
    JOIN accounts_user reader ON reader.id = %(user)s AND reader.is_active
    WHERE col.deleted_at IS NULL
    AND (
        col.created_by_id = reader.id
        OR EXISTS (
            SELECT FROM retrieval_collectionaccess granted
            JOIN accounts_user_groups membership ON membership.group_id = granted.group_id
            WHERE granted.collection_id = col.id AND membership.user_id = reader.id
        )
    )
    AND (%(slugs)s::text[] IS NULL OR col.slug = ANY(%(slugs)s::text[]))
)"""

# How much there is to read, and in how many of these passages each of the query's words stands. Only what the user may
# read is counted: a word that is rare elsewhere must not show in the order of what is found here.
PLAN = f"""
WITH {ALLOWED}, counted AS (
    SELECT coalesce(sum(passages), 0)::bigint AS passages, coalesce(sum(length), 0)::bigint AS length
    FROM retrieval_collectionstatistics
    WHERE collection_id IN (SELECT id FROM allowed)
)
SELECT counted.passages, counted.length, word, (
    SELECT coalesce(sum(held.passages), 0)::bigint
    FROM retrieval_termstatistics held
    WHERE held.collection_id IN (SELECT id FROM allowed) AND held.lexeme = word
)
FROM counted LEFT JOIN unnest(tsvector_to_array(to_tsvector('english', %(query)s))) AS word ON TRUE
"""  # noqa: S608 (built from constants of this file; values travel as parameters)

# The query's words as they are written, in their order, and whether they stand in a passage that the user may read.
STANDING = f"""
WITH {ALLOWED}
SELECT token, bool_or(EXISTS (
    SELECT FROM retrieval_termstatistics held
    WHERE held.collection_id IN (SELECT id FROM allowed) AND held.lexeme = word AND held.passages > 0
))
FROM ts_debug('english', %(query)s) WITH ORDINALITY AS parsed(alias, description, token, dictionaries, dictionary,
    lexemes, place), unnest(lexemes) AS word
GROUP BY token
ORDER BY min(place)
"""  # noqa: S608 (as above)

# For all that the user does not read, whatever was asked: a count that depended on the question would tell what others
# have written.
WITHHELD = f"""
WITH {ALLOWED}
SELECT coalesce(sum(passages), 0)::bigint
FROM retrieval_collectionstatistics
WHERE collection_id NOT IN (SELECT id FROM allowed)
"""  # noqa: S608 (as above)

# Planning takes as long as the index scan: the joins are written in the order in which they are to be made.
SETTINGS = "SET LOCAL join_collapse_limit = 1; SET LOCAL jit = off"
# `relaxed_order` keeps looking until enough rows pass the filter. 400 are enough at once where a tenth may be read.
INDEXED_SETTINGS = "SET LOCAL hnsw.iterative_scan = 'relaxed_order'; SET LOCAL hnsw.ef_search = 400"
# The planner does not know how few collections the user reads, and would go through everybody's passages.
EXACT_SETTINGS = "SET LOCAL enable_seqscan = off"

_ASKED = "asked AS MATERIALIZED (SELECT %(vector)s::halfvec(__dimensions__) AS vector)"

# A small set: one pass over all of it. MATERIALIZED, because the planner would take the index, which finds
# 0.17 of the neighbours when the filter lets one per cent through.
_NEAR_EXACT = """
readable AS MATERIALIZED (
    SELECT v.chunk_id AS id, v.vector::halfvec(__dimensions__) <=> (SELECT vector FROM asked) AS distance
    FROM retrieval_embedding v
    WHERE v.index_id = __index__ AND v.collection_id = ANY(ARRAY(SELECT id FROM allowed))
),
near AS MATERIALIZED (SELECT id, distance FROM readable ORDER BY distance, id LIMIT %(candidates)s)"""

# A large set: the HNSW index.
_NEAR_INDEXED = """
near AS MATERIALIZED (
    SELECT v.chunk_id AS id, v.vector::halfvec(__dimensions__) <=> (SELECT vector FROM asked) AS distance
    FROM retrieval_embedding v
    WHERE v.index_id = __index__ AND v.collection_id = ANY(ARRAY(SELECT id FROM allowed))
    ORDER BY v.vector::halfvec(__dimensions__) <=> (SELECT vector FROM asked)
    LIMIT %(candidates)s
)"""

_WORDED = """
worded AS MATERIALIZED (
    SELECT m.id, __bm25__ AS weight
    FROM (
        SELECT e.chunk_id AS id, e.terms, __saturation__ AS saturation
        FROM __entries__ e
        WHERE e.terms @@ %(picked)s::tsquery
        LIMIT %(ranked)s
    ) AS m
    ORDER BY weight DESC, id
    LIMIT %(candidates)s
)"""
_NO_WORDS = "worded AS (SELECT NULL::uuid AS id, NULL::float8 AS weight WHERE FALSE)"
# By the index on words; or, in a small set, by that on collections, since others' passages may be full of these words.
_ENTRIES = "(SELECT * FROM retrieval_searchentry WHERE collection_id = ANY(ARRAY(SELECT id FROM allowed)) {fence})"
_ENTRIES_INDEXED, _ENTRIES_EXACT = _ENTRIES.format(fence=""), _ENTRIES.format(fence="OFFSET 0")

# What one list lacks of a passage is looked up, so that both scores of each are known before they are added.
_FUSED = """
listed AS (
    SELECT id, row_number() OVER (ORDER BY distance, id) AS near_rank, distance, NULL::bigint AS word_rank,
        NULL::float8 AS weight
    FROM near
    UNION ALL
    SELECT id, NULL, NULL, row_number() OVER (ORDER BY weight DESC, id), weight FROM worded
),
merged AS (
    SELECT id, min(near_rank) AS near_rank, min(distance) AS distance, min(word_rank) AS word_rank,
        min(weight) AS weight
    FROM listed
    GROUP BY id
),
scored AS MATERIALIZED (
    SELECT m.id, near_rank, word_rank, terms, coalesce(weight, __bm25__) AS weight,
        coalesce(distance, (
            SELECT v.vector::halfvec(__dimensions__) <=> (SELECT vector FROM asked)
            FROM retrieval_embedding v WHERE v.chunk_id = m.id AND v.index_id = __index__
        )) AS distance
    FROM (
        SELECT merged.*, e.terms, __saturation__ AS saturation
        FROM merged JOIN retrieval_searchentry e ON e.chunk_id = merged.id
    ) AS m
),
fused AS MATERIALIZED (
    SELECT id, near_rank, word_rank, terms, distance, weight,
        %(near_share)s * coalesce(
            (max(distance) OVER () - distance) / nullif(max(distance) OVER () - min(distance) OVER (), 0), 1
        ) + (1 - %(near_share)s) * coalesce(weight / nullif(max(weight) OVER (), 0), 0) AS score
    FROM scored
    WHERE distance IS NOT NULL
    ORDER BY score DESC, id
    LIMIT %(returned)s
)
SELECT
    c.id, d.id, c.version_id, d.name, allowed.slug, c.page, c.heading, c.text,
    fused.score::float8, 1 - fused.distance, c.ordinal, c.section,
    fused.near_rank, fused.word_rank, fused.weight, __held__,
    (SELECT count(*) FROM near)
FROM fused
JOIN retrieval_chunk c ON c.id = fused.id
JOIN retrieval_document d ON d.current_id = c.version_id
JOIN allowed ON allowed.id = c.collection_id
ORDER BY fused.score DESC, c.id
"""

# BM25 without the factor that all passages share. PostgreSQL does not give a term's frequency, but `ts_rank` of one
# lexeme with equal weights is sum(1/j^2 for j to n) * 6/pi^2, and 1 minus that is about 6/pi^2 / (n + 1/2): which gives
# n back, exactly after rounding, without unnesting the tsvector.
_TERM = """%(idf{place})s::float8 * (1 - m.saturation / (
    round(0.6079271::float8 / (1 - ts_rank('{{1,1,1,1}}', m.terms, %(term{place})s::tsquery)) - 0.5) + m.saturation
))"""
_SATURATION = "%(base)s::float8 + %(slope)s::float8 * e.length"


def build_search(index: EmbeddingIndex, *, terms: Sequence[Term], picked: str, exact: bool) -> str:
    """Numbers of our own tables cannot be parameters, or the planner would not see which HNSW index fits."""
    places = range(len(terms))
    bm25 = " + ".join(_TERM.format(place=place) for place in places) or "0::float8"
    held = ", ".join(f"fused.terms @@ %(term{place})s::tsquery" for place in places)
    near = _NEAR_EXACT if exact else _NEAR_INDEXED
    statement = "WITH " + ", ".join((ALLOWED, _ASKED, near, _WORDED if picked else _NO_WORDS, _FUSED))
    return (
        statement.replace("__bm25__", bm25)
        .replace("__saturation__", _SATURATION)
        .replace("__entries__", _ENTRIES_EXACT if exact else _ENTRIES_INDEXED)
        .replace("__held__", f"ARRAY[{held}]::boolean[]")
        .replace("__dimensions__", f"{index.dimensions:d}")
        .replace("__index__", f"{index.pk:d}")
    )
