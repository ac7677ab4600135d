import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q


class Stage(models.TextChoices):
    INPUT = "input"
    CONTEXT = "context"
    OUTPUT = "output"


class Action(models.TextChoices):
    ALLOW = "allow"
    FLAG = "flag"
    MASK = "mask"
    BLOCK = "block"


class Severity(models.TextChoices):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class PolicyState(models.TextChoices):
    """Of a shadow version verdicts are stored and nothing is done; a retired one was active or in shadow before."""

    DRAFT = "draft"
    SHADOW = "shadow"
    ACTIVE = "active"
    RETIRED = "retired"


class PolicyVersion(models.Model):
    """An immutable, numbered list of checks; only its state changes.

    At most one version of a name is active and one in shadow; all active ones apply.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100)
    number = models.PositiveIntegerField()
    checks = models.JSONField(default=list)
    state = models.CharField(max_length=16, choices=PolicyState, default=PolicyState.DRAFT)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["name", "number"], name="one_number_per_policy"),
            models.UniqueConstraint(fields=["name"], condition=Q(state="active"), name="one_active_version_per_policy"),
            models.UniqueConstraint(fields=["name"], condition=Q(state="shadow"), name="one_shadow_version_per_policy"),
        ]

    def __str__(self) -> str:
        return f"{self.name}@{self.number}"

    @property
    def active(self) -> bool:
        return self.state == PolicyState.ACTIVE


class PolicyChange(models.Model):
    """Who moved a version from one state to another, when, and why. `from_state` is empty for a new version."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    policy = models.ForeignKey(PolicyVersion, on_delete=models.CASCADE, related_name="changes")
    from_state = models.CharField(max_length=16, choices=PolicyState, blank=True)
    to_state = models.CharField(max_length=16, choices=PolicyState)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    reason = models.CharField(max_length=1000, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-id"]
