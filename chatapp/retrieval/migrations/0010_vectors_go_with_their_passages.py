"""When a slice of a fill ended; and deletions that a fill cannot upset: Postgres cascades to vectors that are new."""

from django.db import migrations, models

_ALTER = """
DO $$
DECLARE found record;
BEGIN
    FOR found IN
        SELECT conname, attname, confrelid::regclass AS target FROM pg_constraint
        JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
        WHERE conrelid = 'retrieval_embedding'::regclass AND contype = 'f' AND attname IN ('chunk_id', 'collection_id')
    LOOP
        EXECUTE format(
            'ALTER TABLE retrieval_embedding DROP CONSTRAINT %1$I, ADD CONSTRAINT %1$I '
            'FOREIGN KEY (%2$I) REFERENCES %3$s (id) __ACTION__ DEFERRABLE INITIALLY DEFERRED',
            found.conname, found.attname, found.target
        );
    END LOOP;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("retrieval", "0009_ingestion_in_slices")]

    operations = [
        migrations.AddField(
            model_name="embeddingindex",
            name="filled_at",
            field=models.DateTimeField(help_text="When a slice of it last ended (database time).", null=True),
        ),
        migrations.RunSQL(_ALTER.replace("__ACTION__", "ON DELETE CASCADE"), _ALTER.replace("__ACTION__", "")),
    ]
