"""How good search is: questions whose sources are known, runs that ask them, and what readers' answers rested on."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from chatapp.retrieval.models.collections import Collection
from chatapp.retrieval.models.search_index import EmbeddingIndex

QUESTION_MAX_CHARACTERS = 500


class QuestionOrigin(models.TextChoices):
    BY_HAND = "by hand"
    CSV = "csv"
    ANSWER = "answer"


class GoldenQuestion(models.Model):
    """A question and the sources that search should find for it; without sources, search should find nothing.

    A source names its document by the name that is unique in the collection, and may quote it: both survive new
    versions, other passages, and a document that goes and comes back.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="golden_questions")
    text = models.CharField(max_length=QUESTION_MAX_CHARACTERS)
    sources = models.JSONField(default=list, blank=True, help_text='[{"document": name, "quote": text or ""}]')
    facts = models.JSONField(
        default=list,
        db_default=models.Value([], models.JSONField()),
        blank=True,
        help_text="What an answer must say, for release gates: each a text, its ways of saying it parted by |.",
    )
    origin = models.CharField(max_length=8, choices=QuestionOrigin, default=QuestionOrigin.BY_HAND)
    is_active = models.BooleanField(default=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["collection", "text"], name="one_golden_question_per_text")]

    def __str__(self) -> str:
        return self.text

    @property
    def expects_answer(self) -> bool:
        return bool(self.sources)


class EvaluationState(models.TextChoices):
    QUEUED = "queued"
    RUNNING = "running"
    COMPLETE = "complete"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Evaluation(models.Model):
    """One run of a collection's golden questions against one index. The row is the queue; results are its progress."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="evaluations")
    index = models.ForeignKey(EmbeddingIndex, null=True, on_delete=models.SET_NULL, related_name="+")
    state = models.CharField(max_length=16, choices=EvaluationState, default=EvaluationState.QUEUED)
    error = models.CharField(max_length=300, blank=True)
    total = models.PositiveIntegerField()
    done = models.PositiveIntegerField(default=0)
    setup = models.JSONField(help_text="The index, the passages and the numbers of search at the start.")
    figures = models.JSONField(null=True, help_text="Set once it is complete.")
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    attempts = models.PositiveSmallIntegerField(default=0, help_text="Slices that began and have not ended well.")
    lease = models.UUIDField(null=True, help_text="The slice that may write; any other one stops.")
    lease_until = models.DateTimeField(null=True, help_text="Nobody else goes on before (database time).")
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["collection", "-created_at"], name="evaluation_of_collection"),
            models.Index(fields=["created_at"], condition=Q(state__in=["queued", "running"]), name="evaluation_queue"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["collection", "index"],
                condition=Q(state__in=["queued", "running"]),
                name="one_evaluation_at_a_time",
            ),
        ]

    @property
    def is_live(self) -> bool:
        return self.state in {EvaluationState.QUEUED, EvaluationState.RUNNING}

    @property
    def percent(self) -> int:
        return 100 * self.done // self.total if self.total else 100


class EvaluationResult(models.Model):
    """What one run found for one question. The question is copied at the start, so that later edits change no run."""

    evaluation = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="results")
    ordinal = models.PositiveIntegerField()
    text = models.CharField(max_length=QUESTION_MAX_CHARACTERS)
    sources = models.JSONField(default=list)
    ranks = models.JSONField(
        null=True, help_text="Of each source, from 1, null where it was not found; unset: not asked."
    )
    found = models.JSONField(default=list, help_text="What came back, best first: document, passage, similarity.")
    milliseconds = models.FloatField(null=True)

    class Meta:
        ordering = ["ordinal"]
        constraints = [models.UniqueConstraint(fields=["evaluation", "ordinal"], name="one_result_per_question")]


class CitationSupport(models.Model):
    """Of one day's answers: how many sentences cite the collection, and how many of them their passage supports."""

    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="+", db_index=False)
    day = models.DateField()
    cited = models.PositiveBigIntegerField(default=0)
    supported = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["collection", "day"], name="one_support_count_a_day")]
