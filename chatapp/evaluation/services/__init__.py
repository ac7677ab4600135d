from chatapp.evaluation.services.comparisons import cancel_comparison, close_comparison, start_comparison
from chatapp.evaluation.services.gate_measuring import Bench, measure_gate
from chatapp.evaluation.services.gate_steps import continue_gate, sweep_gates
from chatapp.evaluation.services.gates import cancel_gate, run_gate, set_marks
from chatapp.evaluation.services.preparing import prepare_comparisons
from chatapp.evaluation.services.votes import stop_volunteering, volunteer, vote

__all__ = [
    "Bench",
    "cancel_comparison",
    "cancel_gate",
    "close_comparison",
    "continue_gate",
    "measure_gate",
    "prepare_comparisons",
    "run_gate",
    "set_marks",
    "start_comparison",
    "stop_volunteering",
    "sweep_gates",
    "volunteer",
    "vote",
]
