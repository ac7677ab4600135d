import uuid

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.db.models import Q

from chatapp.accounts.models.people import User


class Outcome(models.TextChoices):
    SUCCESS = "success"
    FAILURE = "failure"
    DENIED = "denied"


class AuditEvent(models.Model):
    """Append-only: who did what to which object. A trigger of the database refuses changes and deletions.

    The sealer sets `number`, `name_digest`, `previous_hash` and `hash` once, soon after the commit: see ADR 14.
    `actor` may be gone: the event keeps its id, which is the pseudonym of a person that was erased.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    at = models.DateTimeField(auto_now_add=True)
    actor = models.ForeignKey(
        User, null=True, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    actor_name = models.CharField(max_length=150)
    action = models.CharField(max_length=64)
    outcome = models.CharField(max_length=8, choices=Outcome, default=Outcome.SUCCESS)
    object_type = models.CharField(max_length=64, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    detail = models.JSONField(default=dict)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    reason = models.TextField(blank=True)
    address = models.CharField(max_length=45, blank=True)
    origin = models.JSONField(default=dict, help_text="From where, beside the address: see chatapp/accounts/origin.py.")
    number = models.BigIntegerField(null=True, unique=True, help_text="Without gaps, from 1; null until it is sealed.")
    name_digest = models.CharField(max_length=64, blank=True)
    previous_hash = models.CharField(max_length=64, blank=True)
    hash = models.CharField(max_length=64, blank=True)
    search = models.GeneratedField(
        expression=SearchVector("actor_name", "action", "reason", "detail", "before", "after", config="simple"),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [
            models.Index(fields=["-at", "-id"], name="audit_newest"),
            models.Index(fields=["actor", "-at"], name="audit_of_person"),
            models.Index(fields=["action", "-at"], name="audit_of_action"),
            models.Index(fields=["object_id", "-at"], name="audit_of_object"),
            models.Index(fields=["address", "-at"], name="audit_of_address"),
            models.Index(fields=["at", "id"], condition=Q(number=None), name="audit_unsealed"),
            GinIndex(fields=["search"], name="audit_words"),
        ]
