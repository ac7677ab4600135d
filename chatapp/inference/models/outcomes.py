"""What became of answers and side work: what rollouts, usage and alerts judge."""

import uuid

from django.conf import settings
from django.db import models

from chatapp.inference.models.rollouts import Rollout
from chatapp.inference.models.routes import Task
from chatapp.inference.models.versions import ModelVersion

# What budgets sum, of one person since a time: their indexes hold it, so that no row is read.
_SPENT = ["prompt_tokens", "completion_tokens", "cost"]


class Arm(models.TextChoices):
    """Of a rollout: the version that served before it, and the one that it tries."""

    BASELINE = "baseline"
    CANDIDATE = "candidate"


class AnswerOutcome(models.Model):
    """What became of one answer, as rollouts and usage judge it. Written once, after the terminal commit.

    `arm` is set where the question was drawn for a rollout and one of its two versions was to answer, also when a
    fallback did in the end: that is the arm's failure. `is_trial`: asked for a measurement or a comparison, by nobody
    who needed the answer; rollouts, alerts and budgets leave it out.
    """

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
    thumb = models.SmallIntegerField(
        default=0, db_default=0, help_text="What the employee thinks of it: -1, 0 (nothing said) or 1."
    )
    supported = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="Of `cited`: those that their source bears out."
    )
    route = models.CharField(max_length=64, blank=True, default="", db_default="")
    rollout = models.ForeignKey(Rollout, null=True, on_delete=models.SET_NULL, related_name="outcomes")
    arm = models.CharField(max_length=16, choices=Arm, blank=True, default="", db_default="")
    error_code = models.CharField(max_length=64, blank=True, default="", db_default="")
    is_refusal = models.BooleanField(
        default=False, db_default=False, help_text="It says that it cannot or will not answer."
    )
    is_cut = models.BooleanField(
        default=False, db_default=False, help_text="It ended at its token limit, or without a word."
    )
    is_trial = models.BooleanField(default=False, db_default=False)
    is_fallback = models.BooleanField(default=False)
    is_cached = models.BooleanField(default=False)
    cost = models.DecimalField(max_digits=14, decimal_places=6, default=0, help_text="By the version's prices.")
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        indexes = [
            models.Index(fields=["user", "created_at"], include=[*_SPENT, "is_trial"], name="outcome_spent_by"),
            models.Index(fields=["version", "created_at"], name="outcome_of_version"),
            models.Index(fields=["rollout", "created_at"], name="outcome_of_rollout"),
        ]


class SideWork(models.Model):
    """A title, summary or judgement that a model wrote, or vectors: no answer, but used and paid likewise."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    version = models.ForeignKey(ModelVersion, null=True, on_delete=models.SET_NULL, related_name="+")
    task = models.CharField(max_length=16, choices=Task)
    prompt_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField(default=0)
    cost = models.DecimalField(max_digits=14, decimal_places=6, default=0, help_text="By the version's prices.")
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        indexes = [models.Index(fields=["user", "created_at"], include=_SPENT, name="side_work_spent_by")]
