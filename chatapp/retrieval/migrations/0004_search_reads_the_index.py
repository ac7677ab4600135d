from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("retrieval", "0003_fill_search_index")]

    operations = [
        migrations.RemoveIndex(
            model_name="chunk",
            name="chunk_embedding_hnsw",
        ),
        migrations.RemoveIndex(
            model_name="chunk",
            name="chunk_search_gin",
        ),
        migrations.RemoveField(
            model_name="chunk",
            name="embedding",
        ),
        migrations.RemoveField(
            model_name="chunk",
            name="search",
        ),
        migrations.RemoveField(
            model_name="documentversion",
            name="embedding_model",
        ),
    ]
