"""Writes of the conversations app: what people do (`messages`), what workers do (`generations`), repair (`sweeper`)."""

from chatapp.conversations.services.conversations import delete_conversation, rename_conversation
from chatapp.conversations.services.generations import (
    FinishedAnswer,
    finish_generation,
    record_aftermath,
    renew_lease,
    request_stop,
    store_sources,
)
from chatapp.conversations.services.messages import edit_message, post_api_chat, post_message, regenerate
from chatapp.conversations.services.sweeper import sweep_generations

__all__ = [
    "FinishedAnswer",
    "delete_conversation",
    "edit_message",
    "finish_generation",
    "post_api_chat",
    "post_message",
    "record_aftermath",
    "regenerate",
    "rename_conversation",
    "renew_lease",
    "request_stop",
    "store_sources",
    "sweep_generations",
]
