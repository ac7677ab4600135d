import uuid

from django.conf import settings
from django.db import models

from chatapp.moderation.models.exchanges import Exchange
from chatapp.moderation.models.policies import Action, PolicyVersion, Stage


class ReplayState(models.TextChoices):
    WAITING = "waiting"
    RUNNING = "running"
    CANCELLED = "cancelled"
    FAILED = "failed"
    DONE = "done"


class Replay(models.Model):
    """A policy version run over the stored exchanges of [since, until): a batch job that goes on where it was left.

    `position` is the `created_at` and `generation_id` of the last exchange looked at. Nothing is done to answers.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    policy = models.ForeignKey(PolicyVersion, on_delete=models.CASCADE, related_name="replays")
    since = models.DateTimeField()
    until = models.DateTimeField()
    state = models.CharField(max_length=16, choices=ReplayState, default=ReplayState.WAITING)
    position = models.JSONField(null=True)
    total = models.PositiveIntegerField(default=0)
    looked = models.PositiveIntegerField(default=0)
    error_code = models.CharField(max_length=64, blank=True)
    lease_until = models.DateTimeField(null=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at", "-id"]


class ReplayVerdict(models.Model):
    """What one check of the replayed version found in one exchange. `score` is kept below the threshold, too."""

    replay = models.ForeignKey(Replay, on_delete=models.CASCADE, related_name="verdicts")
    exchange = models.ForeignKey(Exchange, on_delete=models.CASCADE, related_name="+")
    check_name = models.CharField(max_length=100)
    stage = models.CharField(max_length=16, choices=Stage)
    action = models.CharField(max_length=16, choices=Action)
    score = models.FloatField(null=True)
    spans = models.JSONField(default=list)
    is_finding = models.BooleanField()

    class Meta:
        indexes = [models.Index(fields=["replay", "check_name"], name="replay_by_check")]
