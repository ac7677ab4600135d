"""What search reads: an entry and a vector for each passage that may be found now, and the statistics that rank them.

Only passages of current versions have entries: neither an old version nor half a document can be found. All writes go
through `services/indexing.py` and `services/filling.py`.
"""

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from pgvector.django import HalfVectorField

from chatapp.retrieval.models.collections import Collection
from chatapp.retrieval.models.documents import Chunk


class IndexState(models.TextChoices):
    FILLING = "filling"
    PAUSED = "paused"
    READY = "ready"
    SERVING = "serving"
    RETIRED = "retired"
    DROPPED = "dropped"


class EmbeddingIndex(models.Model):
    """All searchable passages embedded by one model; one index serves. Its HNSW index is `embedding_hnsw_<id>`.

    `filling` (or `paused`) until every passage has a vector and the HNSW index is built, then `ready`; `serving`;
    then `retired`, complete and kept to go back to; `dropped` until its vectors are gone, and the row with them.
    """

    id = models.SmallAutoField(primary_key=True)
    model = models.CharField(max_length=100)
    dimensions = models.PositiveSmallIntegerField(default=0, help_text="0 until a worker has loaded the model.")
    # How the model's cosines are read on the scale for which search's floors were measured (`retrieval/scale.py`).
    factor = models.FloatField(default=1.0)
    offset = models.FloatField(default=0.0)
    state = models.CharField(max_length=16, choices=IndexState, default=IndexState.FILLING)
    error = models.CharField(max_length=300, blank=True, help_text="Why it does not go on, as operators read it.")
    position = models.UUIDField(null=True, help_text="The passage that the fill has come to.")
    filled_at = models.DateTimeField(null=True, help_text="When a slice of it last ended (database time).")
    pace = models.FloatField(null=True, help_text="Passages a second, lately.")
    lease = models.UUIDField(null=True, help_text="The slice that may write; any other one stops.")
    lease_until = models.DateTimeField(null=True, help_text="Nobody else goes on before (database time).")
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    state_at = models.DateTimeField(db_default=Now(), help_text="When it came into this state.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["state"], condition=Q(state="serving"), name="one_index_serves"),
        ]

    def __str__(self) -> str:
        return f"{self.model} ({self.id})"


class SearchEntry(models.Model):
    """The words of a passage that may be found. Triggers keep the statistics below in step with this table."""

    chunk = models.OneToOneField(Chunk, primary_key=True, on_delete=models.CASCADE, related_name="entry")
    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="+")
    terms = SearchVectorField()
    length = models.PositiveIntegerField(help_text="Words that count, repetitions included.")

    class Meta:
        indexes = [GinIndex(name="entry_terms_gin", fields=["terms"])]


class Embedding(models.Model):
    """The vector of a passage that may be found, in one index.

    Postgres itself deletes it with its passage or collection: a fill may add one while that transaction runs.
    """

    index = models.ForeignKey(EmbeddingIndex, on_delete=models.CASCADE, related_name="embeddings")
    chunk = models.ForeignKey(Chunk, on_delete=models.CASCADE, related_name="embeddings")
    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="+", db_index=False)
    vector = HalfVectorField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["chunk", "index"], name="one_embedding_per_index")]
        indexes = [models.Index(fields=["collection", "index"], name="embedding_collection")]


class StagedEmbedding(models.Model):
    """The vector of a passage of a document that is still being processed: nobody can find it yet."""

    index = models.ForeignKey(EmbeddingIndex, on_delete=models.CASCADE, related_name="+")
    chunk = models.OneToOneField(Chunk, primary_key=True, on_delete=models.CASCADE, related_name="+")
    vector = HalfVectorField()


class CollectionStatistics(models.Model):
    """How many passages of a collection may be found, and how many words they have."""

    collection = models.OneToOneField(Collection, primary_key=True, on_delete=models.CASCADE, related_name="statistics")
    passages = models.BigIntegerField(default=0)
    length = models.BigIntegerField(default=0)


class TermStatistics(models.Model):
    """In how many passages of a collection a word stands (the document frequency of BM25)."""

    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="+", db_index=False)
    lexeme = models.TextField()
    passages = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["collection", "lexeme"], name="one_count_per_lexeme")]
