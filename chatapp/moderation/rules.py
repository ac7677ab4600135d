import rules

from chatapp.accounts.models import Role
from chatapp.accounts.permissions import has_role

rules.add_perm("moderation.review_flag", has_role(Role.REVIEWER, Role.ADMINISTRATOR))
rules.add_perm("moderation.view_policy", has_role(Role.REVIEWER, Role.AUDITOR, Role.ADMINISTRATOR))
rules.add_perm("moderation.manage_policy", has_role(Role.ADMINISTRATOR))
