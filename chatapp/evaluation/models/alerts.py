"""A figure of a version on a route that left its band, and whom it is told to."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from chatapp.fields import EncryptedTextField
from chatapp.inference.models import ModelVersion


class AlertKind(models.TextChoices):
    """`spike`: of the last minutes against the last day; `drift`: of the last week against the weeks before."""

    SPIKE = "spike"
    DRIFT = "drift"


class AlertMetric(models.TextChoices):
    ERRORS = "errors", "Failed and interrupted answers"
    EMPTY = "empty", "Empty and cut answers"
    REFUSALS = "refusals", "Refusals"
    FLAGS = "flags", "Flagged answers"
    THUMBS_DOWN = "thumbs_down", "Thumbs down"
    FIRST_TOKEN = "first_token", "Time to first token"
    SUPPORT = "support", "Citations that their source bears out"
    SPEED = "speed", "Tokens per second"


class Alert(models.Model):
    """Open until the figure is back in its band; one is open per kind, metric, route and version at a time.

    `value` and the band are shares (0 to 1), seconds or tokens per second, as the metric has it. `low` or `high` is
    None where that side is good news.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=16, choices=AlertKind)
    metric = models.CharField(max_length=16, choices=AlertMetric)
    route = models.CharField(max_length=64, blank=True)
    version = models.ForeignKey(ModelVersion, null=True, on_delete=models.CASCADE, related_name="alerts")
    value = models.FloatField(help_text="The newest that was out of the band.")
    baseline = models.FloatField()
    low = models.FloatField(null=True)
    high = models.FloatField(null=True)
    answers = models.PositiveIntegerField(help_text="That `value` is of.")
    users = models.PositiveIntegerField()
    opened_at = models.DateTimeField(auto_now_add=True)
    seen_at = models.DateTimeField(help_text="When it was out of its band last.")
    closed_at = models.DateTimeField(null=True)
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    note = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["-opened_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "metric", "route", "version"],
                condition=Q(closed_at=None),
                nulls_distinct=False,
                name="one_open_alert",
            )
        ]

    def __str__(self) -> str:
        return f"{self.metric} on {self.route}"

    @property
    def is_open(self) -> bool:
        return self.closed_at is None


class ChannelKind(models.TextChoices):
    MAIL = "mail"
    WEBHOOK = "webhook"


class AlertChannel(models.Model):
    """Where alerts are sent besides the console. `secret` signs what a webhook gets."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=16, choices=ChannelKind)
    address = models.CharField(max_length=500)
    secret = EncryptedTextField(blank=True)
    is_enabled = models.BooleanField(default=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [models.UniqueConstraint(fields=["kind", "address"], name="one_channel_per_address")]


class DeliveryEvent(models.TextChoices):
    OPENED = "opened"
    CLOSED = "closed"
    TEST = "test"


class DeliveryState(models.TextChoices):
    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"


class AlertDelivery(models.Model):
    """One message to one channel. It is tried again with growing pauses until MAX_TRIES; `alert` is None for a test."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    channel = models.ForeignKey(AlertChannel, on_delete=models.CASCADE, related_name="deliveries")
    alert = models.ForeignKey(Alert, null=True, on_delete=models.CASCADE, related_name="deliveries")
    event = models.CharField(max_length=16, choices=DeliveryEvent)
    state = models.CharField(max_length=16, choices=DeliveryState, default=DeliveryState.WAITING)
    tries = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField()
    problem = models.CharField(max_length=200, blank=True, help_text="Of the last try; never what the other side said.")
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["next_try_at"], condition=Q(state="waiting"), name="deliveries_due")]
        constraints = [
            models.UniqueConstraint(
                fields=["channel", "alert", "event"], condition=Q(alert__isnull=False), name="told_once"
            )
        ]
