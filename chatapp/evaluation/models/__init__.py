"""How good versions are: release gates, blind comparisons, shadow answers, alerts."""

from chatapp.evaluation.models.gate import LIVE_GATE, GateMarks, GateResult, GateRun, GateState, Suite

__all__ = ["LIVE_GATE", "GateMarks", "GateResult", "GateRun", "GateState", "Suite"]
