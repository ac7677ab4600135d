"""Where the documents of a collection come from by themselves, what each sync did, and what it knows of each item."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from chatapp.fields import EncryptedTextField
from chatapp.retrieval.models.collections import Collection


class ConnectorKind(models.TextChoices):
    FOLDER = "folder", "Folder"
    GIT = "git", "Git repository"
    S3 = "s3", "S3 bucket"
    WEB = "web", "Website"


class Connector(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="connectors")
    kind = models.CharField(max_length=16, choices=ConnectorKind)
    name = models.CharField(max_length=120)
    config = models.JSONField(default=dict, help_text="What its kind needs to know; never a secret.")
    secret = EncryptedTextField(blank=True, default="")
    every_minutes = models.PositiveIntegerField(null=True, help_text="Null: only when somebody asks.")
    is_paused = models.BooleanField(default=False)
    next_sync_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True, help_text="Nobody sees it any more; its documents are being removed.")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name", "id"]
        constraints = [models.UniqueConstraint(fields=["collection", "name"], name="one_connector_per_name")]
        indexes = [
            models.Index(fields=["next_sync_at"], condition=Q(is_paused=False), name="connector_schedule"),
        ]

    def __str__(self) -> str:
        return self.name


class SyncStatus(models.TextChoices):
    QUEUED = "queued", "Waiting"
    RUNNING = "running", "Running"
    COMPLETE = "complete", "Complete"
    ASKS = "asks", "Needs an answer"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


OPEN_STATUSES = (SyncStatus.QUEUED, SyncStatus.RUNNING)


class SyncRun(models.Model):
    """One sync of one connector. The row is the queue; `lease` is the fencing token of whoever works on it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="runs")
    status = models.CharField(max_length=16, choices=SyncStatus, default=SyncStatus.QUEUED)
    only_failed = models.BooleanField(default=False, help_text="Reads only the items that failed before.")
    may_remove_many = models.BooleanField(default=False, help_text="Somebody has agreed that most documents go.")
    is_listed = models.BooleanField(default=False, help_text="All items are known; they are being read.")
    is_cancelled = models.BooleanField(default=False, help_text="Somebody wants it to stop.")
    revision = models.CharField(max_length=200, blank=True, help_text="What was read, such as a commit.")
    error = models.CharField(max_length=500, blank=True)
    total = models.PositiveIntegerField(null=True, help_text="Items, as far as they are known.")
    added = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    removed = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0, help_text="Workers that died since the last progress.")
    lease = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True, help_text="Nobody else goes on before (database time).")
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["connector"], condition=Q(status__in=OPEN_STATUSES), name="one_open_sync_per_connector"
            )
        ]

    @property
    def is_open(self) -> bool:
        return self.status in OPEN_STATUSES

    @property
    def done(self) -> int:
        return self.added + self.changed + self.unchanged + self.failed


class SyncedItem(models.Model):
    """One file, object or page that a connector has seen, by the name that the source gives it."""

    id = models.BigAutoField(primary_key=True)
    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="items")
    key = models.CharField(max_length=1000)
    name = models.CharField(max_length=255, help_text="What its document is called.")
    revision = models.CharField(max_length=200, blank=True, help_text="What its document was made of.")
    found_revision = models.CharField(max_length=200, blank=True, help_text="What the last listing said.")
    depth = models.PositiveSmallIntegerField(default=0, help_text="Links between it and the first page.")
    links = models.JSONField(default=list, help_text="Where it led when it was last read.")
    is_gone = models.BooleanField(default=False, help_text="The source says that it is no more.")
    is_pending = models.BooleanField(default=False, help_text="The open run has still to read it.")
    error = models.CharField(max_length=500, blank=True)
    listed_in = models.ForeignKey(SyncRun, null=True, on_delete=models.SET_NULL, related_name="+")
    document = models.ForeignKey("Document", null=True, on_delete=models.SET_NULL, related_name="synced_items")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["connector", "key"], name="one_item_per_key")]
        indexes = [
            models.Index(fields=["connector", "id"], condition=Q(is_pending=True), name="item_queue"),
        ]
