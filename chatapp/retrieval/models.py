import uuid

from django.conf import settings
from django.contrib.auth.models import Group
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.db.models import Q
from pgvector.django import HalfVectorField, HnswIndex

EMBEDDING_DIMENSIONS = 384


class AccessRole(models.TextChoices):
    READER = "reader"
    EDITOR = "editor"
    OWNER = "owner"


class Collection(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=120)
    groups = models.ManyToManyField(Group, through="CollectionAccess", related_name="collections")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class CollectionAccess(models.Model):
    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="access")
    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="+")
    role = models.CharField(max_length=16, choices=AccessRole)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["collection", "group"], name="one_role_per_group")]


class DocumentStatus(models.TextChoices):
    WAITING = "waiting"
    PROCESSING = "processing"
    READY = "ready"
    FAILED = "failed"


class Document(models.Model):
    """A named document; what it says is in its versions, and search reads `current` only."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="documents")
    name = models.CharField(max_length=255)
    status = models.CharField(max_length=16, choices=DocumentStatus, default=DocumentStatus.WAITING)
    error = models.CharField(max_length=500, blank=True)
    progress = models.PositiveSmallIntegerField(default=0, help_text="Per cent of the current processing.")
    attempts = models.PositiveSmallIntegerField(default=0)
    lease = models.UUIDField(null=True, help_text="The processing run that may write; any other one stops.")
    lease_until = models.DateTimeField(null=True, help_text="Nobody else starts before (database time).")
    current = models.OneToOneField("DocumentVersion", null=True, on_delete=models.SET_NULL, related_name="+")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["collection", "name"], name="one_document_per_name")]
        indexes = [
            models.Index(
                fields=["created_at"], condition=Q(status__in=["waiting", "processing"]), name="document_queue"
            ),
        ]

    def __str__(self) -> str:
        return self.name


def storage_key(_version: "DocumentVersion", _filename: str) -> str:
    """A name of our own for the file: what the uploader called it never touches a path."""
    return f"documents/{uuid.uuid4().hex}"


class DocumentVersion(models.Model):
    """The bytes of one upload and what was read from them. Old citations keep pointing here."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    file = models.FileField(upload_to=storage_key, max_length=255)
    media_type = models.CharField(max_length=100)
    size = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    pages = models.PositiveIntegerField(null=True)
    embedding_model = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["document", "number"], name="one_number_per_document")]


class Chunk(models.Model):
    """A passage of one document version; `collection` repeats the document's: the rights filter needs no join."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    version = models.ForeignKey(DocumentVersion, on_delete=models.CASCADE, related_name="chunks")
    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="+")
    ordinal = models.PositiveIntegerField()
    page = models.PositiveIntegerField(null=True)
    heading = models.CharField(max_length=300, blank=True)
    text = models.TextField()
    embedding = HalfVectorField(dimensions=EMBEDDING_DIMENSIONS)
    search = models.GeneratedField(
        expression=SearchVector("heading", weight="A", config="english")
        + SearchVector("text", weight="B", config="english"),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["version", "ordinal"], name="one_ordinal_per_version")]
        indexes = [
            HnswIndex(
                name="chunk_embedding_hnsw",
                fields=["embedding"],
                m=16,
                ef_construction=64,
                opclasses=["halfvec_cosine_ops"],
            ),
            GinIndex(name="chunk_search_gin", fields=["search"]),
        ]
