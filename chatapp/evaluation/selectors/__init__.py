from chatapp.evaluation.selectors.gates import get_gate_for, latest_complete_gate, latest_gate, list_gates_for

__all__ = ["get_gate_for", "latest_complete_gate", "latest_gate", "list_gates_for"]
