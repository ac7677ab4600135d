import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q


class ErasureStatus(models.TextChoices):
    COOLING_OFF = "cooling_off", "Begins after the cooling-off time"
    HELD = "held", "Stopped by a legal hold"
    DONE = "done", "Erased"
    CANCELLED = "cancelled", "Cancelled"


class Erasure(models.Model):
    """A wish to erase one person's data, and the receipt once that is done. It holds no name of that person."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="erasures")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    reason = models.CharField(max_length=1000, blank=True)
    status = models.CharField(max_length=12, choices=ErasureStatus, default=ErasureStatus.COOLING_OFF)
    created_at = models.DateTimeField(auto_now_add=True)
    due_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    receipt = models.JSONField(default=dict)
    signature = models.CharField(max_length=64, blank=True, help_text="HMAC-SHA256 over the receipt.")

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["person"], condition=Q(status__in=["cooling_off", "held"]), name="one_open_erasure"
            )
        ]
