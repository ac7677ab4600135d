import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from chatapp.retrieval.models import Collection


class Kind(models.TextChoices):
    """What retention deletes by age, each with its own rule."""

    CONVERSATIONS = "conversations", "Conversations of pages"
    API_CONVERSATIONS = "api_conversations", "Conversations of the API"
    EXCHANGES = "exchanges", "Exchanges without a flag, with withheld text"
    FLAGS = "flags", "Decided flags, with their exchanges"
    USAGE = "usage", "Usage: outcomes and side work"
    OLD_VERSIONS = "old_versions", "Document versions that are not current"
    EXPORTS = "exports", "Archives of exported data"
    POLICY_REPORTS = "policy_reports", "What browsers reported"
    CHECK_FIGURES = "check_figures", "Figures of checks, by the hour"
    OPERATIONS = "operations", "Closed alerts, and finished orders to workers"
    FAILED_SIGN_INS = "failed_sign_ins", "Failed sign-ins that count for the lock-out"


# Days that hold until somebody sets a rule.
DEFAULT_DAYS = {Kind.POLICY_REPORTS: 30, Kind.CHECK_FIGURES: 400, Kind.OPERATIONS: 400, Kind.FAILED_SIGN_INS: 1}


class RetentionRule(models.Model):
    """How many days data of one kind is kept; with null for ever, without a row as DEFAULT_DAYS says."""

    kind = models.CharField(primary_key=True, max_length=20, choices=Kind)
    days = models.PositiveIntegerField(null=True)
    updated_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    updated_at = models.DateTimeField(auto_now=True)


class HoldScope(models.TextChoices):
    EVERYONE = "everyone"
    PERSON = "person"
    COLLECTION = "collection"


class LegalHold(models.Model):
    """While it stands, nothing that it covers is deleted: not by retention, not by erasure, not by its owner."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    scope = models.CharField(max_length=12, choices=HoldScope)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    collection = models.ForeignKey(Collection, null=True, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=1000)
    placed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    placed_at = models.DateTimeField(auto_now_add=True)
    released_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    released_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-placed_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(scope="everyone", person=None, collection=None)
                | Q(scope="person", person__isnull=False, collection=None)
                | Q(scope="collection", person=None, collection__isnull=False),
                name="hold_names_what_it_covers",
            )
        ]


class RetentionRun(models.Model):
    """What one run of retention removed, by kind."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)
    removed = models.JSONField(default=dict)

    class Meta:
        ordering = ["-started_at", "-id"]
