import uuid

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Upper


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
    is_service = models.BooleanField(default=False, help_text="A program: it has keys and never signs in.")

    class Meta(AbstractUser.Meta):
        # Names are looked up whatever their case: two that differ in nothing else are one to people.
        indexes = [models.Index(Upper("username"), name="user_by_name")]

    def has_role(self, *roles: Role) -> bool:
        return self.is_active and any(role.value in self.roles for role in roles)
