from chatapp.accounts.models import Role
from chatapp.accounts.permissions import grant

_OPERATORS = (Role.MODEL_OPERATOR, Role.ADMINISTRATOR)

grant("evaluation.view_gate", "See release gates and comparisons of versions", *_OPERATORS)
grant("evaluation.run_gate", "Run release gates", *_OPERATORS)
grant("evaluation.set_marks", "Set the pass marks of release gates", Role.ADMINISTRATOR)
grant("evaluation.manage_comparison", "Start and end blind comparisons", *_OPERATORS)
grant("evaluation.view_alert", "See alerts of drift and spikes", *_OPERATORS)
grant("evaluation.manage_alert", "Acknowledge alerts and choose where they are sent", *_OPERATORS)
