from chatapp.accounts.models import Role
from chatapp.accounts.permissions import grant

_OPERATORS = (Role.MODEL_OPERATOR, Role.ADMINISTRATOR)

grant("inference.view_version", "See model versions and routes", *_OPERATORS)
grant("inference.register_version", "Register model versions", *_OPERATORS)
grant("inference.serve_version", "Decide which version answers", *_OPERATORS)
grant("inference.view_worker", "See workers", *_OPERATORS)
