from chatapp.inference.services.clones import clone_version
from chatapp.inference.services.downloads import cancel_download, request_download
from chatapp.inference.services.judging import judge_rollouts
from chatapp.inference.services.lives import describe_version, reject_version, restore_version, retire_version
from chatapp.inference.services.outcomes import record_outcome, record_side_work, set_flags, set_thumb
from chatapp.inference.services.problems import clear_problem, report_problem, retry_version
from chatapp.inference.services.rollouts import (
    advance_rollout,
    complete_rollout,
    end_rollout,
    hold_rollout,
    resume_rollout,
    roll_back_rollout,
    start_rollout,
)
from chatapp.inference.services.route_plans import RuleSpec
from chatapp.inference.services.routes import configure_route, set_serving_version
from chatapp.inference.services.states import change_state, refuse_withdrawn, require_evaluated
from chatapp.inference.services.storage import remove_weights
from chatapp.inference.services.versions import register_version
from chatapp.inference.services.workers import fail_orders, finish_order, note_drained, order_worker, take_orders

__all__ = [
    "RuleSpec",
    "advance_rollout",
    "cancel_download",
    "change_state",
    "clear_problem",
    "clone_version",
    "complete_rollout",
    "configure_route",
    "describe_version",
    "end_rollout",
    "fail_orders",
    "finish_order",
    "hold_rollout",
    "judge_rollouts",
    "note_drained",
    "order_worker",
    "record_outcome",
    "record_side_work",
    "refuse_withdrawn",
    "register_version",
    "reject_version",
    "remove_weights",
    "report_problem",
    "request_download",
    "require_evaluated",
    "restore_version",
    "resume_rollout",
    "retire_version",
    "retry_version",
    "roll_back_rollout",
    "set_flags",
    "set_serving_version",
    "set_thumb",
    "start_rollout",
    "take_orders",
]
