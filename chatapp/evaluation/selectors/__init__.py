from chatapp.evaluation.selectors.alerts import (
    get_alert_for,
    get_channel_for,
    list_alerts_for,
    list_channels_for,
    list_open_alerts,
)
from chatapp.evaluation.selectors.comparisons import (
    ComparisonRow,
    QuestionRow,
    comparisons_of,
    find_trial,
    get_comparison_for,
    list_comparisons_for,
    list_questions_for,
    may_read_pairs,
    results_of,
    win_rates_of,
)
from chatapp.evaluation.selectors.gates import (
    current_marks,
    get_gate_for,
    latest_complete_gate,
    latest_gate,
    list_gates_for,
)
from chatapp.evaluation.selectors.shadow import find_exchange_of, list_shadow_answers_of
from chatapp.evaluation.selectors.voting import Ballots, ShownPair, ballots_of, get_pair_for, is_volunteer

__all__ = [
    "Ballots",
    "ComparisonRow",
    "QuestionRow",
    "ShownPair",
    "ballots_of",
    "comparisons_of",
    "current_marks",
    "find_exchange_of",
    "find_trial",
    "get_alert_for",
    "get_channel_for",
    "get_comparison_for",
    "get_gate_for",
    "get_pair_for",
    "is_volunteer",
    "latest_complete_gate",
    "latest_gate",
    "list_alerts_for",
    "list_channels_for",
    "list_comparisons_for",
    "list_gates_for",
    "list_open_alerts",
    "list_questions_for",
    "list_shadow_answers_of",
    "may_read_pairs",
    "results_of",
    "win_rates_of",
]
