from chatapp.evaluation.services.comparisons import cancel_comparison, close_comparison, start_comparison
from chatapp.evaluation.services.gates import run_gate
from chatapp.evaluation.services.preparing import prepare_comparisons
from chatapp.evaluation.services.votes import stop_volunteering, volunteer, vote

__all__ = [
    "cancel_comparison",
    "close_comparison",
    "prepare_comparisons",
    "run_gate",
    "start_comparison",
    "stop_volunteering",
    "volunteer",
    "vote",
]
