from chatapp.moderation.models.exchanges import CheckTally, Exchange, Failure, Verdict
from chatapp.moderation.models.feedback import Feedback, FeedbackReason, FeedbackStatus, Rerun
from chatapp.moderation.models.flags import Flag, FlagDecision, FlagSource, FlagStatus, Notice
from chatapp.moderation.models.policies import Action, PolicyChange, PolicyState, PolicyVersion, Severity, Stage
from chatapp.moderation.models.replays import Replay, ReplayState, ReplayVerdict

__all__ = [
    "Action",
    "CheckTally",
    "Exchange",
    "Failure",
    "Feedback",
    "FeedbackReason",
    "FeedbackStatus",
    "Flag",
    "FlagDecision",
    "FlagSource",
    "FlagStatus",
    "Notice",
    "PolicyChange",
    "PolicyState",
    "PolicyVersion",
    "Replay",
    "ReplayState",
    "ReplayVerdict",
    "Rerun",
    "Severity",
    "Stage",
    "Verdict",
]
