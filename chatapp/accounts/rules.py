"""What roles give that concerns people and the record. Labels are read by those who make custom roles."""

from chatapp.accounts.models import Role
from chatapp.accounts.permissions import grant

grant("accounts.view_audit", "Read the audit log", Role.AUDITOR, Role.ADMINISTRATOR)
grant("accounts.view_users", "See people and their groups", Role.ADMINISTRATOR)
grant("accounts.view_usage", "See usage and cost", Role.MODEL_OPERATOR, Role.AUDITOR, Role.ADMINISTRATOR)
grant("accounts.manage_users", "Close, open and change accounts", Role.ADMINISTRATOR)
grant("accounts.manage_roles", "Make roles and give them", Role.ADMINISTRATOR)
grant("accounts.manage_sign_in", "Set up how people sign in", Role.ADMINISTRATOR)
grant("accounts.provision", "Provision people and groups by SCIM", Role.ADMINISTRATOR)
grant("accounts.manage_limits", "Set limits of requests and tokens", Role.ADMINISTRATOR)
grant("accounts.manage_service_accounts", "Make service accounts and their keys", Role.ADMINISTRATOR)
