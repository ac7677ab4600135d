from chatapp.evaluation.selectors.alerts import (
    get_alert_for,
    get_channel_for,
    list_alerts_for,
    list_channels_for,
    list_open_alerts,
)
from chatapp.evaluation.selectors.gates import get_gate_for, latest_complete_gate, latest_gate, list_gates_for

__all__ = [
    "get_alert_for",
    "get_channel_for",
    "get_gate_for",
    "latest_complete_gate",
    "latest_gate",
    "list_alerts_for",
    "list_channels_for",
    "list_gates_for",
    "list_open_alerts",
]
