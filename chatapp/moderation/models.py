import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from chatapp.fields import ConfidentialTextField, EncryptedTextField


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


class PolicyVersion(models.Model):
    """An immutable, numbered list of checks. At most one version of a name is active; all active ones apply."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100)
    number = models.PositiveIntegerField()
    checks = models.JSONField(default=list)
    active = models.BooleanField(default=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["name", "number"], name="one_number_per_policy"),
            models.UniqueConstraint(fields=["name"], condition=Q(active=True), name="one_active_version_per_policy"),
        ]

    def __str__(self) -> str:
        return f"{self.name}@{self.number}"


class Exchange(models.Model):
    """What review works on: what was asked and answered, from which sources, by which version and policy.

    Written at the terminal commit of an answer by `conversations`. `original` is the text that a policy
    took away from the employee; it is always encrypted and shown to reviewers only.
    """

    generation_id = models.UUIDField(primary_key=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    question = ConfidentialTextField()
    answer = ConfidentialTextField()
    original = EncryptedTextField(blank=True)
    sources = models.JSONField(default=list)
    model_version = models.CharField(max_length=100, blank=True)
    policy_version = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)


class Verdict(models.Model):
    """One check's finding on one exchange; `spans` are [start, end) character offsets in the checked text."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    exchange = models.ForeignKey(Exchange, on_delete=models.CASCADE, related_name="verdicts")
    policy = models.ForeignKey(PolicyVersion, null=True, on_delete=models.SET_NULL, related_name="+")
    check_name = models.CharField(max_length=100)
    stage = models.CharField(max_length=16, choices=Stage)
    action = models.CharField(max_length=16, choices=Action)
    severity = models.CharField(max_length=16, choices=Severity)
    spans = models.JSONField(default=list)


class FlagStatus(models.TextChoices):
    OPEN = "open"
    CLAIMED = "claimed"
    UPHELD = "upheld"
    DISMISSED = "dismissed"


class Flag(models.Model):
    """Something for a reviewer. A claim is a lease: it runs out, so that no flag is stuck with a person."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    exchange = models.ForeignKey(Exchange, on_delete=models.CASCADE, related_name="flags")
    verdict = models.OneToOneField(Verdict, on_delete=models.CASCADE, related_name="flag")
    status = models.CharField(max_length=16, choices=FlagStatus, default=FlagStatus.OPEN)
    severity = models.CharField(max_length=16, choices=Severity)
    excerpt = EncryptedTextField(blank=True)
    claimed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    claimed_until = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    decided_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=1000, blank=True)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        ordering = ["-created_at", "-id"]
