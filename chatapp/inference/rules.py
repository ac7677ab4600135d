from chatapp.accounts.models import Role
from chatapp.accounts.permissions import grant

_OPERATORS = (Role.MODEL_OPERATOR, Role.ADMINISTRATOR)

grant("inference.view_version", "See model versions and routes", *_OPERATORS)
grant("inference.register_version", "Register model versions", *_OPERATORS)
grant("inference.remove_weights", "Remove weights that nothing needs from the store", *_OPERATORS)
grant("inference.serve_version", "Decide which version answers", *_OPERATORS)
grant("inference.override_gate", "Serve a version that has passed no release gate", *_OPERATORS)
grant("inference.view_rollout", "See rollouts", *_OPERATORS)
grant("inference.manage_rollout", "Start, advance, hold and roll back rollouts", *_OPERATORS)
grant("inference.view_worker", "See workers", *_OPERATORS)
grant("inference.manage_worker", "Drain workers, load and unload models", *_OPERATORS)
grant("inference.manage_budgets", "Set budgets of people and groups", Role.ADMINISTRATOR)
