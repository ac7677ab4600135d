import uuid

from django.contrib.auth.models import Group
from django.contrib.postgres.fields import ArrayField
from django.db import models


class CustomRole(models.Model):
    """A role that an administrator made of permissions. Its `slug` stands beside the built-in roles' names."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.SlugField(max_length=32, unique=True)
    name = models.CharField(max_length=100)
    permissions = ArrayField(models.CharField(max_length=64), default=list)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name", "slug"]


class GroupRole(models.Model):
    """All members of the company group have the role: a built-in one, or the slug of a custom one."""

    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="given_roles")
    role = models.CharField(max_length=32)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["group", "role"], name="one_role_of_group")]
