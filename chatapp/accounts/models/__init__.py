"""What the app stores, by subject."""

from chatapp.accounts.models.audit import AuditEvent
from chatapp.accounts.models.keys import ApiKey
from chatapp.accounts.models.people import Role, User, default_roles

__all__ = ["ApiKey", "AuditEvent", "Role", "User", "default_roles"]
