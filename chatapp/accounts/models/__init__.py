"""What the app stores, by subject."""

from chatapp.accounts.models.audit import AuditEvent, Outcome
from chatapp.accounts.models.keys import ApiKey
from chatapp.accounts.models.people import Role, User, default_roles
from chatapp.accounts.models.sso import IdentityProvider, ProviderKind, SignIn, SignInPolicy

__all__ = [
    "ApiKey",
    "AuditEvent",
    "IdentityProvider",
    "Outcome",
    "ProviderKind",
    "Role",
    "SignIn",
    "SignInPolicy",
    "User",
    "default_roles",
]
