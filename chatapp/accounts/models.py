import uuid

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.db import models


class Role(models.TextChoices):
    EMPLOYEE = "employee"
    KNOWLEDGE_EDITOR = "knowledge_editor"
    REVIEWER = "reviewer"
    MODEL_OPERATOR = "model_operator"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


def default_roles() -> list[str]:
    return [Role.EMPLOYEE.value]


class User(AbstractUser):
    """A person or a service account. Company groups (`engineering`, `sales`) are Django's groups."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    roles = ArrayField(models.CharField(max_length=32, choices=Role), default=default_roles)

    def has_role(self, *roles: Role) -> bool:
        return self.is_active and any(role.value in self.roles for role in roles)


class ApiKey(models.Model):
    """A bearer key, stored as a SHA-256 digest (the key itself has 256 random bits, so no salt or stretching)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100, blank=True)
    prefix = models.CharField(max_length=12)
    digest = models.CharField(max_length=64, unique=True)
    read_only = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)


class AuditEvent(models.Model):
    """Append-only: who did what to which object. Never updated by the product."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    at = models.DateTimeField(auto_now_add=True, db_index=True)
    actor = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    actor_name = models.CharField(max_length=150)
    action = models.CharField(max_length=64)
    object_type = models.CharField(max_length=64, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    detail = models.JSONField(default=dict)

    class Meta:
        ordering = ["-at", "-id"]
