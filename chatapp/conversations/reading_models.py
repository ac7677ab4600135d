"""Reading another person's conversations: asked for with a reason, approved by a second person, for hours at most."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q


class ReadingState(models.TextChoices):
    REQUESTED = "requested"
    APPROVED = "approved"
    REFUSED = "refused"
    REVOKED = "revoked"


class ReadingGrant(models.Model):
    """Lets `requested_by`, and nobody else, read until `until`: one conversation, or all of the person's.

    It stays when the conversation is deleted: `whole_person` tells that case from a grant for everything.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    conversation = models.ForeignKey("Conversation", null=True, on_delete=models.SET_NULL, related_name="+")
    whole_person = models.BooleanField()
    reason = models.TextField()
    minutes = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=16, choices=ReadingState, default=ReadingState.REQUESTED)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    created_at = models.DateTimeField(auto_now_add=True)
    decided_at = models.DateTimeField(null=True)
    until = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["-created_at"], name="reading_grant_newest"),
            models.Index(fields=["person", "-created_at"], name="reading_grant_of_person"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(decided_by=None) | Q(requested_by=None) | ~Q(decided_by=F("requested_by")),
                name="another_person_decides",
            ),
            models.CheckConstraint(condition=Q(minutes__gte=5, minutes__lte=240), name="reading_for_hours"),
        ]


class Reading(models.Model):
    """One conversation that was opened under a grant. Its owner sees when, by whom and why."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    grant = models.ForeignKey(ReadingGrant, on_delete=models.CASCADE, related_name="readings")
    conversation = models.ForeignKey("Conversation", null=True, on_delete=models.SET_NULL, related_name="readings")
    at = models.DateTimeField(auto_now_add=True)
