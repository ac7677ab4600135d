"""Triggers that keep the statistics, the first index, and what was searchable before as its content."""

from django.db import migrations

# Statement-level: one upsert however many passages a statement adds. The row of the collection is locked first, so
# that two writers of one collection take turns instead of meeting in the counts of common words.
COUNT = """
CREATE FUNCTION retrieval_count_entries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO retrieval_collectionstatistics AS kept (collection_id, passages, length)
    SELECT collection_id, count(*), sum(length) FROM changed GROUP BY collection_id ORDER BY collection_id
    ON CONFLICT (collection_id) DO UPDATE
    SET passages = kept.passages + excluded.passages, length = kept.length + excluded.length;
    INSERT INTO retrieval_termstatistics AS kept (collection_id, lexeme, passages)
    SELECT collection_id, lexeme, count(*) FROM changed, unnest(tsvector_to_array(terms)) AS lexeme
    GROUP BY collection_id, lexeme ORDER BY collection_id, lexeme
    ON CONFLICT (collection_id, lexeme) DO UPDATE SET passages = kept.passages + excluded.passages;
    RETURN NULL;
END $$;
CREATE FUNCTION retrieval_discount_entries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM retrieval_collectionstatistics
    WHERE collection_id IN (SELECT collection_id FROM changed) ORDER BY collection_id FOR UPDATE;
    UPDATE retrieval_collectionstatistics kept
    SET passages = kept.passages - gone.passages, length = kept.length - gone.length
    FROM (SELECT collection_id, count(*) AS passages, sum(length) AS length FROM changed GROUP BY collection_id) gone
    WHERE kept.collection_id = gone.collection_id;
    UPDATE retrieval_termstatistics kept
    SET passages = kept.passages - gone.passages
    FROM (
        SELECT collection_id, lexeme, count(*) AS passages FROM changed, unnest(tsvector_to_array(terms)) AS lexeme
        GROUP BY collection_id, lexeme
    ) gone
    WHERE kept.collection_id = gone.collection_id AND kept.lexeme = gone.lexeme;
    RETURN NULL;
END $$;
CREATE TRIGGER retrieval_count_entries AFTER INSERT ON retrieval_searchentry
REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION retrieval_count_entries();
CREATE TRIGGER retrieval_discount_entries AFTER DELETE ON retrieval_searchentry
REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION retrieval_discount_entries();
"""
UNCOUNT = """
DROP TRIGGER retrieval_count_entries ON retrieval_searchentry;
DROP TRIGGER retrieval_discount_entries ON retrieval_searchentry;
DROP FUNCTION retrieval_count_entries();
DROP FUNCTION retrieval_discount_entries();
"""
FIRST_INDEX = """
INSERT INTO retrieval_embeddingindex (id, model, dimensions, state, created_at)
VALUES (1, 'all-MiniLM-L6-v2', 384, 'serving', now());
SELECT setval(pg_get_serial_sequence('retrieval_embeddingindex', 'id'), 1);
"""
COPY = """
INSERT INTO retrieval_searchentry (chunk_id, collection_id, terms, length)
SELECT c.id, c.collection_id, c.search, (SELECT coalesce(sum(cardinality(positions)), 0) FROM unnest(c.search))
FROM retrieval_chunk c JOIN retrieval_document d ON d.current_id = c.version_id;
INSERT INTO retrieval_embedding (index_id, chunk_id, collection_id, vector)
SELECT 1, c.id, c.collection_id, c.embedding
FROM retrieval_chunk c JOIN retrieval_document d ON d.current_id = c.version_id;
"""
HNSW = """
CREATE INDEX embedding_hnsw_1 ON retrieval_embedding
USING hnsw ((vector::halfvec(384)) halfvec_cosine_ops) WITH (m = 16, ef_construction = 64)
WHERE index_id = 1;
"""


class Migration(migrations.Migration):
    dependencies = [("retrieval", "0002_search_index")]

    operations = [
        migrations.RunSQL(COUNT, UNCOUNT),
        migrations.RunSQL(FIRST_INDEX, migrations.RunSQL.noop),
        migrations.RunSQL(COPY, migrations.RunSQL.noop),
        migrations.RunSQL(HNSW, "DROP INDEX embedding_hnsw_1"),
    ]
