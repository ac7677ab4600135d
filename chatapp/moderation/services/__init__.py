from chatapp.moderation.services.exchanges import forget_exchanges, record_exchange
from chatapp.moderation.services.flags import claim_flag, decide_flag, open_flag, record_flags_listed
from chatapp.moderation.services.policies import create_policy_version, set_policy_active

__all__ = [
    "claim_flag",
    "create_policy_version",
    "decide_flag",
    "forget_exchanges",
    "open_flag",
    "record_exchange",
    "record_flags_listed",
    "set_policy_active",
]
