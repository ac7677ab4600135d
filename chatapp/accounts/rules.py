import rules

from chatapp.accounts.models import Role
from chatapp.accounts.permissions import has_role

rules.add_perm("accounts.view_audit", has_role(Role.AUDITOR, Role.ADMINISTRATOR))
rules.add_perm("accounts.view_users", has_role(Role.ADMINISTRATOR))
rules.add_perm("accounts.view_usage", has_role(Role.MODEL_OPERATOR, Role.AUDITOR, Role.ADMINISTRATOR))
