"""How good versions are: release gates, blind comparisons, shadow answers, alerts."""

from chatapp.evaluation.models.alerts import (
    Alert,
    AlertChannel,
    AlertDelivery,
    AlertKind,
    AlertMetric,
    ChannelKind,
    DeliveryEvent,
    DeliveryState,
)
from chatapp.evaluation.models.comparison import (
    LIVE_COMPARISON,
    Audience,
    Choice,
    Comparison,
    ComparisonPair,
    ComparisonState,
    PairState,
    QuestionsFrom,
    Volunteer,
    Vote,
)
from chatapp.evaluation.models.gate import LIVE_GATE, GateMarks, GateResult, GateRun, GateState, Suite

__all__ = [
    "LIVE_COMPARISON",
    "LIVE_GATE",
    "Alert",
    "AlertChannel",
    "AlertDelivery",
    "AlertKind",
    "AlertMetric",
    "Audience",
    "ChannelKind",
    "Choice",
    "Comparison",
    "ComparisonPair",
    "ComparisonState",
    "DeliveryEvent",
    "DeliveryState",
    "GateMarks",
    "GateResult",
    "GateRun",
    "GateState",
    "PairState",
    "QuestionsFrom",
    "Suite",
    "Volunteer",
    "Vote",
]
