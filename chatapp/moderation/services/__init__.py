from chatapp.moderation.services.claims import claim_alike, claim_flag, claim_flags, claim_next_flag, renew_claim
from chatapp.moderation.services.deciding import decide_flag, undo_decision
from chatapp.moderation.services.exchanges import forget_exchanges, record_exchange
from chatapp.moderation.services.flags import open_flag, record_flags_listed
from chatapp.moderation.services.notices import notify_employee, read_all_notices, read_notice
from chatapp.moderation.services.policies import change_policy_state, create_policy_version, roll_back_policy
from chatapp.moderation.services.raising import raise_flag

__all__ = [
    "change_policy_state",
    "claim_alike",
    "claim_flag",
    "claim_flags",
    "claim_next_flag",
    "create_policy_version",
    "decide_flag",
    "forget_exchanges",
    "notify_employee",
    "open_flag",
    "raise_flag",
    "read_all_notices",
    "read_notice",
    "record_exchange",
    "record_flags_listed",
    "renew_claim",
    "roll_back_policy",
    "undo_decision",
]
