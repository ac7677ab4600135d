"""Processes that answer or read documents, as they describe themselves."""

from django.db import models

from chatapp.inference.models.versions import ModelVersion


class WorkerKind(models.TextChoices):
    INFERENCE = "inference"
    PIPELINE = "pipeline"


class Worker(models.Model):
    """What a worker process said of itself last; it counts as alive while `seen_at` is recent."""

    name = models.CharField(max_length=200, primary_key=True)
    kind = models.CharField(max_length=16, choices=WorkerKind)
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
