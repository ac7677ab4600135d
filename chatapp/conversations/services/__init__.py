"""Writes of the conversations app.

What people do is in `messages`, what workers do in `generations`, `leases` and `fallbacks`, repair in `sweeper`.
"""

from chatapp.conversations.reviews.services import appeal_answer, decide_flag, report_answer, undo_decision
from chatapp.conversations.reviews.services.bulk import decide_alike, decide_flags, undo_decisions
from chatapp.conversations.services.cached_answers import purge_cached_answers, store_cached_answer
from chatapp.conversations.services.conversations import delete_conversation, rename_conversation, suggest_title
from chatapp.conversations.services.ejecting import eject_worker
from chatapp.conversations.services.fallbacks import fall_back, find_fallback, hand_over, safe_ending
from chatapp.conversations.services.generations import (
    FinishedAnswer,
    finish_generation,
    has_ended,
    record_aftermath,
    request_stop,
    stop_all_of,
    store_sources,
)
from chatapp.conversations.services.golden import keep_question, keep_rated_question
from chatapp.conversations.services.leases import MAX_LOSSES, Checkpoint, hand_back, renew_leases
from chatapp.conversations.services.messages import edit_message, post_api_chat, post_message, regenerate
from chatapp.conversations.services.rating import rate_answer, withdraw_rating
from chatapp.conversations.services.removal import delete_expired_conversations, remove_conversation
from chatapp.conversations.services.reruns import remove_reruns_of, rerun_question
from chatapp.conversations.services.summaries import store_summary
from chatapp.conversations.services.sweeper import sweep_generations, sweep_when_settled
from chatapp.conversations.services.traces import store_trace
from chatapp.conversations.services.trials import ask_trial, stop_trials
from chatapp.conversations.services.waiting import switch_model

__all__ = [
    "MAX_LOSSES",
    "Checkpoint",
    "FinishedAnswer",
    "appeal_answer",
    "ask_trial",
    "decide_alike",
    "decide_flag",
    "decide_flags",
    "delete_conversation",
    "delete_expired_conversations",
    "edit_message",
    "eject_worker",
    "fall_back",
    "find_fallback",
    "finish_generation",
    "hand_back",
    "hand_over",
    "has_ended",
    "keep_question",
    "keep_rated_question",
    "post_api_chat",
    "post_message",
    "purge_cached_answers",
    "rate_answer",
    "record_aftermath",
    "regenerate",
    "remove_conversation",
    "remove_reruns_of",
    "rename_conversation",
    "renew_leases",
    "report_answer",
    "request_stop",
    "rerun_question",
    "safe_ending",
    "stop_all_of",
    "stop_trials",
    "store_cached_answer",
    "store_sources",
    "store_summary",
    "store_trace",
    "suggest_title",
    "sweep_generations",
    "sweep_when_settled",
    "switch_model",
    "undo_decision",
    "undo_decisions",
    "withdraw_rating",
]
