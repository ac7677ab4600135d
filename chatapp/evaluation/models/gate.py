"""Release gates: what a version was asked before it got traffic, what it answered, and whether that was good enough."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from chatapp.fields import ConfidentialTextField
from chatapp.inference.models import ModelVersion
from chatapp.retrieval.models import Collection


class GateState(models.TextChoices):
    """`failed`: it could not be run to its end, which says nothing of the version; see GateRun.passed."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETE = "complete"
    FAILED = "failed"
    CANCELLED = "cancelled"


LIVE_GATE = (GateState.QUEUED, GateState.RUNNING)


class Suite(models.TextChoices):
    """`refusal` asks what no document answers; `load` is one result, the streams of a minute."""

    GOLDEN = "golden", "Golden questions"
    REFUSAL = "refusal", "Questions without an answer"
    SAFETY = "safety", "Safety set"
    LOAD = "load", "Load test"


class GateRun(models.Model):
    """One run of the gate by one version. The row is the queue; its results are its progress. It is never deleted."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="gates")
    state = models.CharField(max_length=16, choices=GateState, default=GateState.QUEUED)
    passed = models.BooleanField(null=True, help_text="Set once it is complete.")
    suites = models.JSONField(default=list)
    marks = models.JSONField(help_text="As they were when it began: evaluation.gate.marks.Marks.")
    setup = models.JSONField(default=dict, help_text="Collections, judge, streams and seconds of the load test.")
    figures = models.JSONField(default=dict, help_text="What was measured, by name of the mark.")
    report = models.JSONField(default=list, help_text="One entry for each mark: value, mark, passed, baseline.")
    baseline = models.ForeignKey(
        "self",
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="The last complete run of the version that served then.",
    )
    worker = models.CharField(max_length=200, blank=True, help_text="On which the load test ran.")
    error = models.CharField(max_length=300, blank=True)
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    attempts = models.PositiveSmallIntegerField(default=0, help_text="Slices that began and have not ended well.")
    lease = models.UUIDField(null=True, help_text="The slice that may write; any other one stops.")
    lease_until = models.DateTimeField(null=True, help_text="Nobody else goes on before (database time).")
    created_at = models.DateTimeField(db_default=Now())
    progressed_at = models.DateTimeField(
        db_default=Now(), help_text="When something was last asked, graded or measured."
    )
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["version", "-created_at"], name="gate_of_version"),
            models.Index(fields=["created_at"], condition=Q(state__in=["queued", "running"]), name="gate_queue"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["version"], condition=Q(state__in=["queued", "running"]), name="one_gate_at_a_time"
            ),
        ]

    def __str__(self) -> str:
        return f"gate of {self.version}"

    @property
    def is_live(self) -> bool:
        return self.state in LIVE_GATE

    @property
    def percent(self) -> int:
        return 100 * self.done // self.total if self.total else 0


class GateResult(models.Model):
    """One question of a run, copied at its start, and what came of it. `passed` is unset until it was graded.

    Who may not read its collection sees neither question nor answer; they go with the collection.
    """

    run = models.ForeignKey(GateRun, on_delete=models.CASCADE, related_name="results")
    ordinal = models.PositiveIntegerField()
    suite = models.CharField(max_length=16, choices=Suite)
    collection = models.ForeignKey(Collection, null=True, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=100, blank=True, help_text="Of a prompt of the safety set.")
    question = ConfidentialTextField(blank=True)
    expected = models.JSONField(default=dict, help_text="Facts, documents, refusal, forbidden: gate.graders.")
    generation_id = models.UUIDField(null=True, help_text="Of the trial, once it was asked.")
    tries = models.PositiveSmallIntegerField(
        default=0, help_text="Trials that were lost through no fault of the version."
    )
    answer = ConfidentialTextField(blank=True)
    status = models.CharField(max_length=16, blank=True, help_text="How the answer ended.")
    error_code = models.CharField(max_length=64, blank=True)
    cited = models.JSONField(default=list, help_text="Names of the documents that the answer cites.")
    grades = models.JSONField(default=dict, help_text="Of each grader: true, false, or a share.")
    passed = models.BooleanField(null=True)
    milliseconds = models.FloatField(null=True)

    class Meta:
        ordering = ["ordinal"]
        constraints = [models.UniqueConstraint(fields=["run", "ordinal"], name="one_gate_result_per_question")]


class GateMarks(models.Model):
    """The pass marks of the company, each time they were changed; the newest count for runs that begin after."""

    marks = models.JSONField()
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    set_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-set_at", "-id"]
