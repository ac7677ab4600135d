import uuid

from django.conf import settings
from django.db import models

from chatapp.fields import ConfidentialTextField, EncryptedTextField
from chatapp.moderation.models.policies import Action, PolicyVersion, Severity, Stage


class Exchange(models.Model):
    """What review works on: what was asked and answered, from which sources, by which version and policy.

    Written at the terminal commit of an answer by `conversations`. `original` is the text that a policy or a
    reviewer took away from the employee; it is always encrypted and shown to reviewers only.

    `personal` says where personal data stands in each of these texts: `{"question": [[start, end, label]], ...}`, in
    characters; null until somebody has looked.
    """

    generation_id = models.UUIDField(primary_key=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    question = ConfidentialTextField()
    answer = ConfidentialTextField()
    original = EncryptedTextField(blank=True)
    personal = models.JSONField(null=True)
    sources = models.JSONField(default=list)
    route = models.CharField(max_length=64, blank=True)
    model_version = models.CharField(max_length=100, blank=True)
    policy_version = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)


class Failure(models.TextChoices):
    """Why a check could not look; its fail rule decided then."""

    SLOW = "slow", "Over its time budget"
    DOWN = "down", "Not available"


class Verdict(models.Model):
    """One check's finding on one exchange; `spans` are [start, end) character offsets in the checked text.

    A check that could not look leaves a verdict with `failure` and without spans. A shadow verdict tells what a policy
    would have done: nothing was.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    exchange = models.ForeignKey(Exchange, on_delete=models.CASCADE, related_name="verdicts")
    policy = models.ForeignKey(PolicyVersion, null=True, on_delete=models.SET_NULL, related_name="+")
    check_name = models.CharField(max_length=100)
    kind = models.CharField(max_length=16, blank=True)
    stage = models.CharField(max_length=16, choices=Stage)
    action = models.CharField(max_length=16, choices=Action)
    severity = models.CharField(max_length=16, choices=Severity)
    score = models.FloatField(null=True, help_text="Of a classifier, 0 to 1: the highest one in the text.")
    spans = models.JSONField(default=list)
    failure = models.CharField(max_length=8, choices=Failure, blank=True)
    is_shadow = models.BooleanField(default=False)


class CheckTally(models.Model):
    """How often one check of one policy version looked, found and failed in one hour, and how long it took."""

    hour = models.DateTimeField()
    policy = models.ForeignKey(PolicyVersion, on_delete=models.CASCADE, related_name="+")
    check_name = models.CharField(max_length=100)
    stage = models.CharField(max_length=16, choices=Stage)
    looks = models.PositiveIntegerField(default=0)
    findings = models.PositiveIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0)
    seconds = models.FloatField(default=0.0)
    slowest_seconds = models.FloatField(default=0.0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hour", "policy", "check_name", "stage"], name="one_tally_per_hour"),
        ]
