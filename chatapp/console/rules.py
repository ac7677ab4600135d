import rules

from chatapp.accounts.models import Role
from chatapp.accounts.permissions import has_role

rules.add_perm("console.open", has_role(Role.REVIEWER, Role.MODEL_OPERATOR, Role.AUDITOR, Role.ADMINISTRATOR))
