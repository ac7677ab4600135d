from chatapp.moderation.services.claims import claim_alike, claim_flag, claim_flags, claim_next_flag, renew_claim
from chatapp.moderation.services.deciding import decide_flag, undo_decision
from chatapp.moderation.services.exchanges import forget_exchanges, record_exchange
from chatapp.moderation.services.feedback import give_feedback, take_back_feedback
from chatapp.moderation.services.flags import open_flag, record_flags_listed
from chatapp.moderation.services.notices import notify_employee, read_all_notices, read_notice, withdraw_notices
from chatapp.moderation.services.policies import change_policy_state, create_policy_version, roll_back_policy
from chatapp.moderation.services.raising import raise_flag
from chatapp.moderation.services.triage import (
    answer_feedback,
    begin_feedback_export,
    open_feedback,
    record_feedback_listed,
    record_rerun,
    set_feedback_note,
    set_feedback_status,
)

__all__ = [
    "answer_feedback",
    "begin_feedback_export",
    "change_policy_state",
    "claim_alike",
    "claim_flag",
    "claim_flags",
    "claim_next_flag",
    "create_policy_version",
    "decide_flag",
    "forget_exchanges",
    "give_feedback",
    "notify_employee",
    "open_feedback",
    "open_flag",
    "raise_flag",
    "read_all_notices",
    "read_notice",
    "record_exchange",
    "record_feedback_listed",
    "record_flags_listed",
    "record_rerun",
    "renew_claim",
    "roll_back_policy",
    "set_feedback_note",
    "set_feedback_status",
    "take_back_feedback",
    "undo_decision",
    "withdraw_notices",
]
