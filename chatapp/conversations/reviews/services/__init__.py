"""What reviewers' decisions do to answers, and what employees ask of reviewers."""

from chatapp.conversations.reviews.services.decisions import decide_flag, undo_decision
from chatapp.conversations.reviews.services.requests import appeal_answer, report_answer

__all__ = ["appeal_answer", "decide_flag", "report_answer", "undo_decision"]
