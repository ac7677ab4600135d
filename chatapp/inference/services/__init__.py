from chatapp.inference.services.outcomes import record_outcome, record_side_work
from chatapp.inference.services.problems import clear_problem, report_problem
from chatapp.inference.services.routes import set_serving_version
from chatapp.inference.services.versions import register_version

__all__ = [
    "clear_problem",
    "record_outcome",
    "record_side_work",
    "register_version",
    "report_problem",
    "set_serving_version",
]
