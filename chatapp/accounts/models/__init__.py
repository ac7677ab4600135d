"""What the app stores, by subject."""

from chatapp.accounts.models.audit import AuditEvent, Outcome
from chatapp.accounts.models.break_glass import BreakGlassAlarm
from chatapp.accounts.models.keys import ApiKey, ApiKeyUsage
from chatapp.accounts.models.limits import LimitPeriod, LimitSubject, LimitUnit, RateLimit
from chatapp.accounts.models.people import Role, User, default_roles
from chatapp.accounts.models.provisioning import (
    ProvisionedGroup,
    ProvisionedMembership,
    ProvisionedUser,
    ProvisioningClient,
)
from chatapp.accounts.models.roles import CustomRole, GroupRole
from chatapp.accounts.models.saml import SamlAssertion
from chatapp.accounts.models.service_accounts import ServiceAccount
from chatapp.accounts.models.sso import IdentityProvider, ProviderKind, SignIn, SignInPolicy

__all__ = [
    "ApiKey",
    "ApiKeyUsage",
    "AuditEvent",
    "BreakGlassAlarm",
    "CustomRole",
    "GroupRole",
    "IdentityProvider",
    "LimitPeriod",
    "LimitSubject",
    "LimitUnit",
    "Outcome",
    "ProviderKind",
    "ProvisionedGroup",
    "ProvisionedMembership",
    "ProvisionedUser",
    "ProvisioningClient",
    "RateLimit",
    "Role",
    "SamlAssertion",
    "ServiceAccount",
    "SignIn",
    "SignInPolicy",
    "User",
    "default_roles",
]
