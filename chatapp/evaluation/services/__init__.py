from chatapp.evaluation.services.alerts import acknowledge_alert, watch_answers
from chatapp.evaluation.services.channels import add_channel, remove_channel, set_channel_enabled, try_channel
from chatapp.evaluation.services.comparisons import cancel_comparison, close_comparison, start_comparison
from chatapp.evaluation.services.deliveries import deliver_alerts
from chatapp.evaluation.services.gate_measuring import Bench, measure_gate
from chatapp.evaluation.services.gate_steps import continue_gate, sweep_gates
from chatapp.evaluation.services.gates import cancel_gate, run_gate, set_marks
from chatapp.evaluation.services.preparing import prepare_comparisons
from chatapp.evaluation.services.votes import stop_volunteering, volunteer, vote
from chatapp.evaluation.services.weeks import watch_weeks

__all__ = [
    "Bench",
    "acknowledge_alert",
    "add_channel",
    "cancel_comparison",
    "cancel_gate",
    "close_comparison",
    "continue_gate",
    "deliver_alerts",
    "measure_gate",
    "prepare_comparisons",
    "remove_channel",
    "run_gate",
    "set_channel_enabled",
    "set_marks",
    "start_comparison",
    "stop_volunteering",
    "sweep_gates",
    "try_channel",
    "volunteer",
    "vote",
    "watch_answers",
    "watch_weeks",
]
