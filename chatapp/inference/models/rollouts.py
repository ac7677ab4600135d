"""A candidate version that takes a share of a route's users, in stages, and is judged beside the one that serves."""

import uuid

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.db.models import F, Q

from chatapp.inference.models.routes import Route
from chatapp.inference.models.versions import ModelVersion


class RolloutKind(models.TextChoices):
    """`ab` keeps its share until a person decides, `blue_green` has one stage of 100 %, `shadow` has no share."""

    CANARY = "canary"
    AB = "ab"
    BLUE_GREEN = "blue_green"
    SHADOW = "shadow"


class RolloutState(models.TextChoices):
    """`held` keeps its share, and nothing advances it but a person; guards still roll it back."""

    RUNNING = "running"
    HELD = "held"
    COMPLETED = "completed"
    ROLLED_BACK = "rolled_back"
    ENDED = "ended"


LIVE_ROLLOUT = (RolloutState.RUNNING, RolloutState.HELD)


class Rollout(models.Model):
    """One candidate on one route, against the version that served there when it began.

    `stages` are `{"share": percent, "min_answers": of the candidate, "min_minutes": in the stage}`, in order; `guards`
    are `{name: {"tolerance": ...}}`, see inference/rollouts/guards.py. `alpha` is the probability, over the whole
    rollout and all its guards, that a candidate that is no worse is rolled back.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    route = models.ForeignKey(Route, on_delete=models.PROTECT, related_name="rollouts")
    kind = models.CharField(max_length=16, choices=RolloutKind)
    baseline = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    candidate = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="rollouts")
    state = models.CharField(max_length=16, choices=RolloutState, default=RolloutState.RUNNING)
    stages = models.JSONField(default=list)
    stage = models.PositiveSmallIntegerField(default=0)
    stage_started_at = models.DateTimeField()
    guards = models.JSONField(default=dict)
    alpha = models.FloatField(default=0.05)
    pilot_group = models.ForeignKey(
        Group, null=True, on_delete=models.SET_NULL, related_name="+", help_text="Its members meet the candidate first."
    )
    has_pilot = models.BooleanField(
        default=False, db_default=False, help_text="Those who asked to try new models meet the candidate first."
    )
    reason = models.CharField(max_length=500, blank=True)
    override_reason = models.CharField(max_length=500, blank=True, help_text="Why it began without a passed gate.")
    verdict = models.JSONField(null=True, help_text="What the judge found last: rollouts.judge.Verdict.")
    judged_at = models.DateTimeField(null=True)
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["route"], condition=Q(state__in=["running", "held"]), name="one_rollout_per_route"
            ),
            models.CheckConstraint(condition=~Q(candidate=F("baseline")), name="candidate_is_another_version"),
        ]

    def __str__(self) -> str:
        return f"{self.candidate} on {self.route_id}"

    @property
    def is_live(self) -> bool:
        return self.state in LIVE_ROLLOUT

    @property
    def share(self) -> float:
        """Percent of the route's users that the candidate has in this stage; 0 once it was rolled back or ended."""
        if not self.stages or self.state in {RolloutState.ROLLED_BACK, RolloutState.ENDED}:
            return 0.0
        return float(self.stages[self.stage]["share"])


class RolloutAction(models.TextChoices):
    STARTED = "started"
    ADVANCED = "advanced"
    HELD = "held"
    RESUMED = "resumed"
    ROLLED_BACK = "rolled_back"
    COMPLETED = "completed"
    ENDED = "ended"


class RolloutStep(models.Model):
    """What was done with a rollout, by whom (nobody: the judge), and the figures that it was done on."""

    rollout = models.ForeignKey(Rollout, on_delete=models.CASCADE, related_name="steps")
    action = models.CharField(max_length=16, choices=RolloutAction)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    share_before = models.FloatField()
    share_after = models.FloatField()
    reason = models.CharField(max_length=500)
    figures = models.JSONField(null=True, help_text="The judge's verdict then.")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["at", "id"]


class PilotMember(models.Model):
    """Somebody who asked to try new models first; no row: never asked."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="+")
    joined_at = models.DateTimeField(auto_now_add=True)
