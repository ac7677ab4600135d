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
    """A person or a service account. Company groups (`engineering`, `sales`) are Django's groups.

    `own_roles` were given by hand. `roles` are those in effect, with what company groups give, and `permissions` what
    the custom ones among them hold: services/roles.py keeps both.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    own_roles = ArrayField(models.CharField(max_length=32), default=default_roles)
    roles = ArrayField(models.CharField(max_length=32), default=default_roles)
    # A named administrator who may sign in by password when nobody else may.
    is_break_glass = models.BooleanField(default=False)
    permissions = ArrayField(models.CharField(max_length=64), default=list)
    is_service = models.BooleanField(default=False, help_text="A program: it has keys and never signs in.")

    class Meta(AbstractUser.Meta):
        # Names are looked up whatever their case: two that differ in nothing else are one to people.
        indexes = [models.Index(Upper("username"), name="user_by_name")]

    def has_role(self, *roles: Role) -> bool:
        return self.is_active and any(role.value in self.roles for role in roles)

    def is_permitted(self, action: str) -> bool:
        """Whether a custom role of the user holds it; `permissions.can` is the question to ask."""
        return self.is_active and action in self.permissions
