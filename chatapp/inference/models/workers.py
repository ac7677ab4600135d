"""Processes that answer or read documents, as they describe themselves, and what operators tell them to do."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from chatapp.inference.models.versions import ModelVersion


class WorkerKind(models.TextChoices):
    INFERENCE = "inference"
    PIPELINE = "pipeline"


class Worker(models.Model):
    """What a worker process said of itself last; it counts as alive while `seen_at` is recent.

    Figures that change each second are in Redis only: see inference/live_figures.py.
    """

    name = models.CharField(max_length=200, primary_key=True)
    kind = models.CharField(max_length=16, choices=WorkerKind)
    host = models.CharField(max_length=200, blank=True, default="", db_default="")
    pid = models.PositiveIntegerField(default=0, db_default=0)
    release = models.CharField(
        max_length=64, blank=True, default="", db_default="", help_text="Of the product that it runs."
    )
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    ready = models.BooleanField(default=False)
    slots = models.PositiveSmallIntegerField(default=0)
    busy = models.PositiveSmallIntegerField(default=0)
    loaded = models.ManyToManyField(ModelVersion, related_name="workers")
    serves = models.ManyToManyField(
        ModelVersion, related_name="serving_workers", help_text="Can answer, loaded or not."
    )
    loading = models.ManyToManyField(ModelVersion, related_name="loading_workers", help_text="Is being loaded.")
    problem = models.CharField(max_length=500, blank=True)
    is_draining = models.BooleanField(
        default=False, db_default=False, help_text="Claims nothing more, until an operator says otherwise."
    )
    drained_at = models.DateTimeField(null=True, help_text="When the last answer of a draining worker had ended.")
    ejected_at = models.DateTimeField(null=True, help_text="Given up by an operator; it counts as gone.")


class OrderKind(models.TextChoices):
    DRAIN = "drain"
    RESUME = "resume"
    LOAD = "load"
    UNLOAD = "unload"
    EJECT = "eject"


class OrderState(models.TextChoices):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


OPEN_ORDER = (OrderState.WAITING, OrderState.RUNNING)


class WorkerOrder(models.Model):
    """What an operator tells one worker process to do; the worker takes it, and says what came of it.

    `worker` is a name, no key: the row of a process goes an hour after its end, the order stays.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    worker = models.CharField(max_length=200)
    kind = models.CharField(max_length=16, choices=OrderKind)
    version = models.ForeignKey(ModelVersion, null=True, on_delete=models.CASCADE, related_name="+")
    state = models.CharField(max_length=16, choices=OrderState, default=OrderState.WAITING)
    result = models.CharField(max_length=500, blank=True, help_text="What came of it, in a sentence.")
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    deadline = models.DateTimeField(help_text="After it the order has failed.")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["worker", "created_at"], name="order_of_worker")]
        constraints = [
            models.UniqueConstraint(
                fields=["worker", "kind", "version"],
                condition=Q(state__in=["waiting", "running"]),
                nulls_distinct=False,
                name="one_open_order_of_a_kind",
            )
        ]
