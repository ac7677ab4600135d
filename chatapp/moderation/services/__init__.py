from chatapp.moderation.services.claims import claim_alike, claim_flag, claim_flags, claim_next_flag, renew_claim
from chatapp.moderation.services.deciding import decide_flag, undo_decision
from chatapp.moderation.services.exchanges import forget_exchanges, record_exchange, replace_answer
from chatapp.moderation.services.feedback import MAX_FEEDBACK_CHARACTERS, give_feedback, take_back_feedback
from chatapp.moderation.services.flags import open_flag, record_flags_listed
from chatapp.moderation.services.notices import notify_employee, read_all_notices, read_notice, withdraw_notices
from chatapp.moderation.services.personal import look_for_personal_data
from chatapp.moderation.services.policies import change_policy_state, create_policy_version, roll_back_policy
from chatapp.moderation.services.raising import raise_flag
from chatapp.moderation.services.replays import (
    cancel_replay,
    continue_replay,
    draft_with_threshold,
    record_samples_shown,
    resume_replay,
    start_replay,
    sweep_replays,
)
from chatapp.moderation.services.reports import appeal_answer, report_answer
from chatapp.moderation.services.sampling import is_sampled, sample_exchange
from chatapp.moderation.services.triage import (
    answer_feedback,
    begin_feedback_export,
    open_feedback,
    record_feedback_listed,
    record_rerun,
    set_feedback_note,
    set_feedback_status,
    unmask_feedback,
)
from chatapp.moderation.services.unmasking import unmask_flag

__all__ = [
    "MAX_FEEDBACK_CHARACTERS",
    "answer_feedback",
    "appeal_answer",
    "begin_feedback_export",
    "cancel_replay",
    "change_policy_state",
    "claim_alike",
    "claim_flag",
    "claim_flags",
    "claim_next_flag",
    "continue_replay",
    "create_policy_version",
    "decide_flag",
    "draft_with_threshold",
    "forget_exchanges",
    "give_feedback",
    "is_sampled",
    "look_for_personal_data",
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
    "record_samples_shown",
    "renew_claim",
    "replace_answer",
    "report_answer",
    "resume_replay",
    "roll_back_policy",
    "sample_exchange",
    "set_feedback_note",
    "set_feedback_status",
    "start_replay",
    "sweep_replays",
    "take_back_feedback",
    "undo_decision",
    "unmask_feedback",
    "unmask_flag",
    "withdraw_notices",
]
