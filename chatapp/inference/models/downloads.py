"""How weights of versions come here, and the secrets of the places where they lie."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from chatapp.fields import EncryptedTextField
from chatapp.inference.models.versions import ModelVersion


class DownloadState(models.TextChoices):
    QUEUED = "queued", "Waiting"
    RUNNING = "running", "Running"
    COMPLETE = "complete", "Complete"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


OPEN_DOWNLOADS = (DownloadState.QUEUED, DownloadState.RUNNING)


class Download(models.Model):
    """One try to have a version's weights here and to look at them. The row is the queue.

    `lease` is the fencing token of whoever works on it. Weights that are here already are only looked at.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="downloads")
    state = models.CharField(max_length=16, choices=DownloadState, default=DownloadState.QUEUED)
    stage = models.CharField(max_length=16, blank=True, help_text="What is done of it now: downloading or checking.")
    source = models.CharField(max_length=300, blank=True, help_text="In words: where the bytes come from.")
    done_bytes = models.BigIntegerField(default=0)
    total_bytes = models.BigIntegerField(default=0, help_text="0 while nobody has said how many there are.")
    error = models.CharField(max_length=1000, blank=True, help_text="A sentence that says what to do.")
    attempts = models.PositiveSmallIntegerField(default=0, help_text="Workers that died since the last progress.")
    lease = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True, help_text="Nobody else goes on before (database time).")
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["version"], condition=Q(state__in=["queued", "running"]), name="one_open_download_per_version"
            )
        ]

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_DOWNLOADS

    @property
    def percent(self) -> int:
        return min(100, 100 * self.done_bytes // self.total_bytes) if self.total_bytes else 0


class SourceSecret(models.Model):
    """What opens one of a version's sources: a token, or the secret of a bucket's access key. Never read back."""

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="source_secrets")
    position = models.PositiveSmallIntegerField(help_text="Of the source in the version's list.")
    secret = EncryptedTextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["version", "position"], name="one_secret_per_source")]
