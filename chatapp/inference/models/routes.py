"""Which version answers which question."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from chatapp.inference.models.versions import ModelVersion


class Route(models.Model):
    """A name that callers ask for. `version` answers new questions unless a rule or an arm takes them.

    A route whose data may not leave the company never uses a version to which text leaves, whatever its rules,
    arms and fallbacks say.
    """

    DEFAULT = "default"

    name = models.CharField(max_length=64, primary_key=True)
    description = models.CharField(max_length=300, blank=True)
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="routes")
    may_leave_company = models.BooleanField(default=False)
    safe_answer = models.CharField(max_length=1000, blank=True, help_text="Shown when no version can answer.")
    rollout = models.ForeignKey(
        "inference.Rollout", null=True, on_delete=models.SET_NULL, related_name="+", help_text="That runs on it now."
    )
    updated_at = models.DateTimeField(auto_now=True)
    updated_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")


class RouteArm(models.Model):
    """A version that takes a share of a route's users: those whose draw, 0 to 9,999, is in [starts_at, ends_at).

    An arm of a rollout takes only questions that were drawn for that rollout; see Generation.rollout.
    """

    route = models.ForeignKey(Route, on_delete=models.CASCADE, related_name="arms")
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    starts_at = models.PositiveSmallIntegerField()
    ends_at = models.PositiveSmallIntegerField()
    rollout = models.ForeignKey("inference.Rollout", null=True, on_delete=models.CASCADE, related_name="arms")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["route", "version"], name="one_arm_per_version"),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at"), ends_at__lte=10_000), name="arm_is_a_range"),
        ]


class Task(models.TextChoices):
    """No rule of a route is for `shadow`, whose version is a rollout's, or for `embedding`, which has none."""

    CHAT = "chat"
    TITLE = "title"
    SUMMARY = "summary"
    JUDGE = "judge"
    SHADOW = "shadow"
    EMBEDDING = "embedding"


RULE_TASKS = tuple(task for task in Task if task not in {Task.SHADOW, Task.EMBEDDING})


class RouteRule(models.Model):
    """Sends what meets all its conditions to `version`; the first rule that matches counts. Empty: no condition."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    route = models.ForeignKey(Route, on_delete=models.CASCADE, related_name="rules")
    position = models.PositiveSmallIntegerField()
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    task = models.CharField(max_length=16, choices=Task, blank=True)
    collection = models.CharField(max_length=64, blank=True, help_text="Slug: the question is asked of it.")
    language = models.CharField(max_length=8, blank=True, help_text="ISO 639-1 code of the question.")
    choice = models.CharField(max_length=32, blank=True, help_text="What the user chose, such as fast.")
    min_characters = models.PositiveIntegerField(null=True)
    max_characters = models.PositiveIntegerField(null=True)

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["route", "position"], name="one_rule_per_position")]


class RouteFallback(models.Model):
    """Which version answers, in order of position, when the chosen one cannot."""

    route = models.ForeignKey(Route, on_delete=models.CASCADE, related_name="fallbacks")
    position = models.PositiveSmallIntegerField()
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["route", "position"], name="one_fallback_per_position")]
