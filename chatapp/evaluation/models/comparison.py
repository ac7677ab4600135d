"""Blind comparisons: two versions' answers to the same questions, and which of the two people prefer."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from chatapp.conversations.shadow_models import ShadowAnswer
from chatapp.fields import ConfidentialTextField
from chatapp.inference.models import ModelVersion, Rollout
from chatapp.retrieval.models import Collection


class ComparisonState(models.TextChoices):
    """`preparing`: the answers are being written; `open`: people vote."""

    PREPARING = "preparing"
    OPEN = "open"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    FAILED = "failed"


LIVE_COMPARISON = (ComparisonState.PREPARING, ComparisonState.OPEN)


class QuestionsFrom(models.TextChoices):
    """`golden`: of a collection; `list`: typed by who started it; `shadow`: a rollout's unseen answers, masked."""

    GOLDEN = "golden", "Golden questions of a collection"
    LIST = "list", "A list of questions"
    SHADOW = "shadow", "Unseen answers of a rollout"


class Audience(models.TextChoices):
    """Masked texts of conversations are for reviewers only, whatever else is chosen."""

    VOLUNTEERS = "volunteers", "Everybody who volunteers"
    REVIEWERS = "reviewers", "Reviewers"


class Comparison(models.Model):
    """`first` and `second` are the versions; voters see neither names nor which is which."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    first = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    second = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    rollout = models.ForeignKey(Rollout, null=True, on_delete=models.SET_NULL, related_name="comparisons")
    questions_from = models.CharField(max_length=16, choices=QuestionsFrom)
    collection = models.ForeignKey(
        Collection, null=True, on_delete=models.CASCADE, related_name="+", help_text="Asked of it; null: no documents."
    )
    audience = models.CharField(max_length=16, choices=Audience)
    votes_wanted = models.PositiveSmallIntegerField(help_text="Per pair; it is shown to nobody any more then.")
    state = models.CharField(max_length=16, choices=ComparisonState, default=ComparisonState.PREPARING)
    reason = models.CharField(max_length=500, blank=True)
    error = models.CharField(max_length=64, blank=True, help_text="Code of why no pair could be made.")
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=~Q(first=F("second")), name="compares_two_versions"),
            models.CheckConstraint(
                condition=~Q(questions_from="shadow") | Q(audience="reviewers"), name="shadow_pairs_for_reviewers"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.first} and {self.second}"

    @property
    def is_live(self) -> bool:
        return self.state in LIVE_COMPARISON


class PairState(models.TextChoices):
    WAITING = "waiting"
    ASKED = "asked"
    READY = "ready"
    FAILED = "failed"


class ComparisonPair(models.Model):
    """One question and the two answers to it, empty till they are there. Voters never see the ids of the trials.

    What was made of a conversation is deleted with it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    comparison = models.ForeignKey(Comparison, on_delete=models.CASCADE, related_name="pairs")
    ordinal = models.PositiveIntegerField()
    question = ConfidentialTextField(blank=True)
    first_text = ConfidentialTextField(blank=True)
    second_text = ConfidentialTextField(blank=True)
    first_generation = models.UUIDField(null=True, help_text="The trial, once it was asked.")
    second_generation = models.UUIDField(null=True)
    shadow = models.ForeignKey(
        ShadowAnswer, null=True, on_delete=models.CASCADE, related_name="+", help_text="Whose masked copy this is."
    )
    state = models.CharField(max_length=16, choices=PairState, default=PairState.WAITING)
    error = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["ordinal"]
        constraints = [models.UniqueConstraint(fields=["comparison", "ordinal"], name="one_pair_per_question")]


class Choice(models.TextChoices):
    """`skipped` is no vote, and asks the voter not again."""

    FIRST = "first"
    SECOND = "second"
    TIE = "tie"
    BOTH_BAD = "both_bad"
    SKIPPED = "skipped"


class Vote(models.Model):
    """One per voter and pair. `choice` names the version's answer, whichever side it stood on: see `first_was_left`."""

    pair = models.ForeignKey(ComparisonPair, on_delete=models.CASCADE, related_name="votes")
    voter = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    choice = models.CharField(max_length=16, choices=Choice)
    first_was_left = models.BooleanField()
    reason = ConfidentialTextField(blank=True)
    milliseconds = models.PositiveIntegerField(null=True, help_text="From the page to the vote, as the page says.")
    at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["pair", "voter"], name="one_vote_per_voter")]
        indexes = [models.Index(fields=["voter", "-at"], name="votes_of_voter")]


class Volunteer(models.Model):
    """Somebody who offered to compare answers, till they take it back."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="volunteer"
    )
    since = models.DateTimeField(db_default=Now())
