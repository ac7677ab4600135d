from chatapp.evaluation.services.gates import run_gate

__all__ = ["run_gate"]
