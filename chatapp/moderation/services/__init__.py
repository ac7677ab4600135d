from chatapp.moderation.services.exchanges import forget_exchanges, record_exchange
from chatapp.moderation.services.flags import claim_flag, decide_flag, open_flag, record_flags_listed
from chatapp.moderation.services.notices import notify_employee, read_all_notices, read_notice
from chatapp.moderation.services.policies import create_policy_version, set_policy_active

__all__ = [
    "claim_flag",
    "create_policy_version",
    "decide_flag",
    "forget_exchanges",
    "notify_employee",
    "open_flag",
    "read_all_notices",
    "read_notice",
    "record_exchange",
    "record_flags_listed",
    "set_policy_active",
]
