import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from chatapp.fields import EncryptedTextField
from chatapp.moderation.models.exchanges import Exchange, Verdict
from chatapp.moderation.models.policies import Severity, Stage


class FlagSource(models.TextChoices):
    CHECK = "check", "A check"
    REPORT = "report", "An employee's report"
    SAMPLE = "sample", "A random sample"
    APPEAL = "appeal", "An employee's appeal"


class FlagStatus(models.TextChoices):
    """`second`: decided once, waits for another reviewer. `escalated`: waits for somebody with more say."""

    OPEN = "open"
    CLAIMED = "claimed"
    SECOND = "second", "Second review"
    ESCALATED = "escalated"
    UPHELD = "upheld"
    DISMISSED = "dismissed"


class Flag(models.Model):
    """Something for a reviewer. A claim is a lease: it runs out, so that no flag is stuck with a person.

    `queue` is the state that a claim began from and falls back to: open, second or escalated. `fingerprint` is the same
    for look-alikes. A report, a sample and an appeal have no verdict.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    exchange = models.ForeignKey(Exchange, on_delete=models.CASCADE, related_name="flags")
    verdict = models.OneToOneField(Verdict, null=True, on_delete=models.CASCADE, related_name="flag")
    source = models.CharField(max_length=8, choices=FlagSource, default=FlagSource.CHECK)
    status = models.CharField(max_length=16, choices=FlagStatus, default=FlagStatus.OPEN)
    queue = models.CharField(max_length=16, choices=FlagStatus, default=FlagStatus.OPEN)
    severity = models.CharField(max_length=16, choices=Severity)
    excerpt = EncryptedTextField(blank=True)
    fingerprint = models.CharField(max_length=64, blank=True, db_index=True)
    reporter = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    report_reason = models.CharField(max_length=32, blank=True)
    report_text = EncryptedTextField(blank=True)
    due_at = models.DateTimeField(null=True, help_text="By when it shall be decided.")
    claimed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    claimed_until = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    decided_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=1000, blank=True)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["exchange", "reporter", "source"],
                condition=Q(source__in=["report", "appeal"]),
                name="one_report_and_one_appeal_per_person",
            ),
        ]
        indexes = [
            models.Index(
                fields=["severity", "due_at"], condition=~Q(status__in=["upheld", "dismissed"]), name="flag_undecided"
            ),
        ]

    @property
    def check_name(self) -> str:
        return self.verdict.check_name if self.verdict else str(self.source)

    @property
    def stage(self) -> str:
        """People report, appeal against and sample answers."""
        return self.verdict.stage if self.verdict else Stage.OUTPUT

    @property
    def spans(self) -> list[list[int]]:
        return self.verdict.spans if self.verdict else []


class FlagDecision(models.Model):
    """One step of a review, never changed: what was decided, by whom, why, and what was done to the answer.

    An undo is a row of its own that names the decision which it takes back.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    flag = models.ForeignKey(Flag, on_delete=models.CASCADE, related_name="decisions")
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    decision = models.CharField(max_length=16)
    queue = models.CharField(max_length=16, choices=FlagStatus, default=FlagStatus.OPEN, help_text="Before it.")
    reason_code = models.CharField(max_length=32, blank=True)
    reason = models.CharField(max_length=1000, blank=True)
    effects = models.JSONField(default=list, help_text="Such as retract, mask, notify.")
    undoes = models.OneToOneField("self", null=True, on_delete=models.CASCADE, related_name="undone_by")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["created_at", "id"]


class Notice(models.Model):
    """What the company tells one employee about one of their answers; shown until it is read."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notices")
    generation_id = models.UUIDField()
    flag = models.ForeignKey(Flag, null=True, on_delete=models.SET_NULL, related_name="notices")
    text = EncryptedTextField()
    created_at = models.DateTimeField(auto_now_add=True)
    read_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["user"], condition=Q(read_at__isnull=True), name="notice_unread")]
