import uuid

from django.conf import settings
from django.db import models


class Provider(models.TextChoices):
    LLAMA_CPP = "llama_cpp"
    SCRIPTED = "scripted"


class ModelVersion(models.Model):
    """One immutable way of answering: weights or external model, context, prompt and sampling defaults."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100, unique=True)
    description = models.CharField(max_length=300, blank=True)
    provider = models.CharField(max_length=32, choices=Provider)
    sha256 = models.CharField(max_length=64, blank=True)
    sources = models.JSONField(default=list)
    quantization = models.CharField(max_length=32, blank=True)
    licence = models.CharField(max_length=64, blank=True)
    context_tokens = models.PositiveIntegerField()
    system_prompt = models.TextField(blank=True)
    sampling = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return self.name


class Route(models.Model):
    """A name that callers ask for; it points at the version that answers new questions."""

    DEFAULT = "default"

    name = models.CharField(max_length=64, primary_key=True)
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="routes")
    updated_at = models.DateTimeField(auto_now=True)
    updated_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")


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
    problem = models.CharField(max_length=500, blank=True)


class AnswerOutcome(models.Model):
    """What became of one answer, as rollouts and usage judge it. Written once, after the terminal commit."""

    generation_id = models.UUIDField(primary_key=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    version = models.ForeignKey(ModelVersion, null=True, on_delete=models.SET_NULL, related_name="outcomes")
    status = models.CharField(max_length=16)
    prompt_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField(default=0)
    first_token_seconds = models.FloatField(null=True)
    duration_seconds = models.FloatField(null=True)
    sources = models.PositiveSmallIntegerField(default=0)
    cited = models.PositiveSmallIntegerField(default=0)
    flags = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
