import uuid

from django.contrib.auth.models import Group
from django.db import models

from chatapp.accounts.models.people import User


class ProvisioningClient(models.Model):
    """The account of a program that provisions people over SCIM, and for which identity provider it speaks.

    `claim` is what that provider says at a sign-in that equals a person's SCIM `externalId`: by it, and by nothing
    else, a provisioned account and a sign-in are known to be one person.
    """

    account = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="provisions")
    provider = models.CharField(max_length=40)
    claim = models.CharField(max_length=100, default="sub")


class ProvisionedUser(models.Model):
    """What a SCIM client knows of an account. `attributes` holds what it told and nothing here uses.

    The row of somebody who was deleted there stays, so that the same `external_id` is the same person later.
    """

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="provisioned")
    provider = models.CharField(max_length=40, blank=True)
    external_id = models.CharField(max_length=255, blank=True)
    attributes = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "external_id"],
                condition=~models.Q(external_id=""),
                name="one_person_per_external_id",
            ),
        ]
        indexes = [models.Index(fields=["created_at", "user"], name="provisioned_in_order")]


class ProvisionedGroup(models.Model):
    """A company group that a SCIM client manages."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    group = models.OneToOneField(Group, on_delete=models.CASCADE, related_name="provisioned")
    external_id = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["created_at", "id"], name="provisioned_group_in_order")]


class ProvisionedMembership(models.Model):
    """Somebody is in a company group because a SCIM client says so; memberships of other origin have no row here."""

    group = models.ForeignKey(ProvisionedGroup, on_delete=models.CASCADE, related_name="memberships")
    person = models.ForeignKey(ProvisionedUser, on_delete=models.CASCADE, related_name="memberships")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["group", "person"], name="one_provisioned_membership")]
