import rules

from chatapp.accounts.models import Role
from chatapp.accounts.permissions import has_role

_operates = has_role(Role.MODEL_OPERATOR, Role.ADMINISTRATOR)

rules.add_perm("inference.view_version", _operates)
rules.add_perm("inference.register_version", _operates)
rules.add_perm("inference.serve_version", _operates)
rules.add_perm("inference.view_worker", _operates)
