import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from chatapp.retrieval.models.collections import Collection


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
    queued_for = models.UUIDField(null=True, help_text="The party that waits: a connector, else a person.")
    queued_at = models.DateTimeField(null=True)
    passages_total = models.PositiveIntegerField(default=0, help_text="Of the current processing; 0 until it is read.")
    passages_done = models.PositiveIntegerField(default=0)
    current = models.OneToOneField("DocumentVersion", null=True, on_delete=models.SET_NULL, related_name="+")
    connector = models.ForeignKey(
        "Connector", null=True, on_delete=models.SET_NULL, related_name="documents", help_text="Null: uploaded by hand."
    )
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
            models.Index(fields=["collection", "status"], name="document_status"),
        ]

    def __str__(self) -> str:
        return self.name


def storage_key(_version: "DocumentVersion", _filename: str) -> str:
    """A name of our own for the file: what the uploader called it never touches a path."""
    return f"documents/{uuid.uuid4().hex}"


class IngestionParty(models.Model):
    """Whose documents wait or waited lately: workers serve those first who were served least recently."""

    id = models.UUIDField(primary_key=True, help_text="Of a connector, else of a person.")
    served_at = models.DateTimeField(null=True)
    rate = models.FloatField(null=True, help_text="Passages a second lately, waiting for others included.")


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
    passages = models.PositiveIntegerField(null=True, help_text="How many were read; null until all are stored.")
    notes = models.JSONField(
        default=list, blank=True, help_text="Sentences about what could not be read, or was left out."
    )
    restored_from = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="+")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["document", "number"], name="one_number_per_document")]


class Chunk(models.Model):
    """A passage of one document version, as it was read. Whether search may find it is said by its `SearchEntry`.

    `collection` repeats the document's: the rights filter needs no join.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    version = models.ForeignKey(DocumentVersion, on_delete=models.CASCADE, related_name="chunks")
    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="+")
    ordinal = models.PositiveIntegerField()
    section = models.PositiveIntegerField(default=0, help_text="Passages of one section stand under the same headings.")
    overlap = models.PositiveIntegerField(default=0, help_text="Characters at the start that the one before ends with.")
    page = models.PositiveIntegerField(null=True)
    boxes = models.JSONField(
        default=list, blank=True, help_text="[page, left, top, right, bottom] of each line, in 1/10000 of the page."
    )
    heading = models.CharField(max_length=300, blank=True)
    text = models.TextField()
    original_text = models.TextField(blank=True, help_text="What the file said, where somebody has edited the text.")
    is_disabled = models.BooleanField(default=False, help_text="An editor took it out of search.")
    quarantine = models.CharField(max_length=200, blank=True, help_text="Why it waits for release by an owner.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["version", "ordinal"], name="one_ordinal_per_version")]
        indexes = [models.Index(fields=["collection"], condition=~Q(quarantine=""), name="chunk_quarantined")]
