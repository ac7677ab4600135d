from chatapp.inference.services.outcomes import record_outcome, record_side_work, set_thumb
from chatapp.inference.services.problems import clear_problem, report_problem, retry_version
from chatapp.inference.services.route_plans import RuleSpec
from chatapp.inference.services.routes import configure_route, set_serving_version
from chatapp.inference.services.states import change_state, require_evaluated
from chatapp.inference.services.versions import register_version

__all__ = [
    "RuleSpec",
    "change_state",
    "clear_problem",
    "configure_route",
    "record_outcome",
    "record_side_work",
    "register_version",
    "report_problem",
    "require_evaluated",
    "retry_version",
    "set_serving_version",
    "set_thumb",
]
