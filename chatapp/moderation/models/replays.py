import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

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

    `position` is the `created_at` and `generation_id` of the last exchange looked at; `figures` count up to there.
    Nothing is done to answers.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    policy = models.ForeignKey(PolicyVersion, on_delete=models.CASCADE, related_name="replays")
    since = models.DateTimeField()
    until = models.DateTimeField()
    state = models.CharField(max_length=16, choices=ReplayState, default=ReplayState.WAITING)
    position = models.JSONField(null=True)
    total = models.PositiveIntegerField(default=0)
    looked = models.PositiveIntegerField(default=0)
    with_remote = models.BooleanField(default=False, help_text="Checks that ask a service run, too.")
    figures = models.JSONField(default=dict)
    error_code = models.CharField(max_length=64, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0, help_text="Slices that began and have not ended well.")
    lease = models.UUIDField(null=True, help_text="The slice that may write; any other one stops.")
    lease_until = models.DateTimeField(null=True, help_text="Nobody else goes on before (database time).")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["policy", "-created_at"], name="replay_of_policy"),
            models.Index(fields=["created_at"], condition=Q(state__in=["waiting", "running"]), name="replay_queue"),
        ]

    @property
    def is_live(self) -> bool:
        return self.state in {ReplayState.WAITING, ReplayState.RUNNING}

    @property
    def percent(self) -> int:
        return min(100, 100 * self.looked // self.total) if self.total else 100


class ReplayVerdict(models.Model):
    """What one check of the replayed version found in one exchange.

    `check_number` is its place in the version's list. `score` is of an examiner and kept below the threshold, too.
    """

    replay = models.ForeignKey(Replay, on_delete=models.CASCADE, related_name="verdicts")
    exchange = models.ForeignKey(Exchange, on_delete=models.CASCADE, related_name="+")
    check_number = models.PositiveSmallIntegerField()
    check_name = models.CharField(max_length=100)
    stage = models.CharField(max_length=16, choices=Stage)
    action = models.CharField(max_length=16, choices=Action)
    score = models.FloatField(null=True)
    spans = models.JSONField(default=list)
    is_finding = models.BooleanField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["replay", "check_number", "exchange"], name="one_replay_verdict_per_check"),
        ]
