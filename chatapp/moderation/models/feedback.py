import uuid

from django.conf import settings
from django.db import models

from chatapp.fields import EncryptedTextField
from chatapp.moderation.models.exchanges import Exchange


class FeedbackReason(models.TextChoices):
    """What is wrong with an answer, as its reader sees it."""

    WRONG = "wrong", "It is wrong"
    NOT_IN_SOURCES = "not_in_sources", "It is not in the sources"
    OUTDATED = "outdated", "It is outdated"
    INCOMPLETE = "incomplete", "Something is missing"
    TOO_LONG = "too_long", "It is too long"
    UNSAFE = "unsafe", "It is unsafe"
    OTHER = "other", "Something else"


class FeedbackStatus(models.TextChoices):
    """`withdrawn`: taken back by its author, and kept for a legal hold only."""

    NEW = "new"
    ACKNOWLEDGED = "acknowledged"
    ANSWERED = "answered"
    DONE = "done"
    WITHDRAWN = "withdrawn"


class Feedback(models.Model):
    """What an employee thinks of one answer of theirs: a thumb, reasons, words; and what triage made of it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    exchange = models.ForeignKey(Exchange, on_delete=models.CASCADE, related_name="feedback")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    is_positive = models.BooleanField()
    reasons = models.JSONField(default=list)
    text = EncryptedTextField(blank=True)
    status = models.CharField(max_length=16, choices=FeedbackStatus, default=FeedbackStatus.NEW)
    note = EncryptedTextField(blank=True, help_text="Among those who triage.")
    reply = EncryptedTextField(blank=True, help_text="To the employee.")
    handled_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    handled_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["exchange", "user"], name="one_feedback_per_answer")]
        indexes = [
            models.Index(fields=["status", "-created_at"], name="feedback_of_status"),
            models.Index(fields=["-created_at"], name="feedback_by_age"),
        ]


class Rerun(models.Model):
    """A rated question, asked again by somebody who triages, of a version that they chose and with their rights.

    Its conversation is theirs and a temporary one, so the answer is gone some days later; see `conversations.services`.
    """

    generation_id = models.UUIDField(primary_key=True)
    feedback = models.ForeignKey(Feedback, on_delete=models.CASCADE, related_name="reruns")
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    model_version = models.CharField(max_length=100)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-generation_id"]
