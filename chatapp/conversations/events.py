"""What leaves the database: wake-ups, stop signals, stream entries, socket control. Never HTML.

Losing any of these changes nothing that lasts: Postgres holds the fact, and a sweep or a poll finds it. So none of
them is waited for longer than a second or two.
"""

import hashlib
from typing import Any
from uuid import UUID

import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from redis.exceptions import RedisError

from chatapp.announcer import announce
from chatapp.celery import INFERENCE_QUEUE, app
from chatapp.conversations.streams.entries import CONTROL_CHANNEL, end_entry, fence_id, stream_key
from chatapp.conversations.streams.wakeups import ring
from chatapp.metrics import count_fault
from chatapp.redis import redis_client

WAKE_UP = "chatapp.conversations.tasks.answer_queued"
SIDE_WORK = "chatapp.conversations.tasks.do_side_work"
log = structlog.get_logger(__name__)


def wake_workers() -> None:
    """Says only that there is work; an idle worker also looks once a second."""
    announce("wake_up", _wake_one)


def _wake_one() -> None:
    """By Celery when no worker waits at the short way: one that is new or busy gets it later."""
    if not ring():
        _send(WAKE_UP, expires=30)


def _send(task: str, arguments: tuple[object, ...] = (), **options: Any) -> None:
    app.send_task(task, arguments, queue=INFERENCE_QUEUE, retry=False, ignore_result=True, **options)


def publish_stop(generation_id: UUID) -> None:
    try:
        redis_client().publish(CONTROL_CHANNEL, str(generation_id))
    except RedisError as error:
        _lose("stop_signal_lost", error, generation=str(generation_id))


def publish_end(generation_id: UUID, attempt: int, status: str) -> None:
    """Tells followers that a sweeper ended the answer (a worker's own end goes through its flusher)."""
    try:
        redis_client().xadd(stream_key(generation_id), end_entry(status), id=fence_id(attempt, after=True))
    except RedisError as error:
        _lose("end_event_lost", error, generation=str(generation_id))


def discard_stream(generation_id: UUID) -> None:
    """The conversation is gone: stop its worker and remove the text that the stream holds."""
    publish_stop(generation_id)
    try:
        redis_client().delete(stream_key(generation_id))
    except RedisError as error:
        _lose("stream_not_removed", error, generation=str(generation_id))


def request_side_work(task: str, generation_id: UUID, *, tries: int = 0, delay: float, expires: float) -> None:
    """Asks some inference worker to write a title or a summary once nobody waits; it may be lost."""
    arguments = (task, str(generation_id), tries)
    options: dict[str, Any] = {"countdown": delay, "expires": expires}
    announce("side_work", lambda: _send(SIDE_WORK, arguments, **options))


def socket_group(user_id: UUID) -> str:
    return f"user.{user_id.hex}"


def name_session(session_key: str) -> str:
    """How events name a session: its key would open it."""
    return hashlib.sha256(session_key.encode()).hexdigest()


def close_sockets(user_id: UUID, session_key: str = "") -> None:
    """Closes the sockets of that session (4401), or all of the user: signed out, or disabled."""
    _tell_pages(user_id, "session.over", session=name_session(session_key) if session_key else "")


def renew_rights(user_id: UUID) -> None:
    """The user's sockets look anew at what their roles give."""
    _tell_pages(user_id, "rights.changed")


def reload_list(user_id: UUID) -> None:
    """The user's open pages fetch their list of conversations anew."""
    _tell_pages(user_id, "list.changed")


def conversation_changed(user_id: UUID, conversation_id: UUID, message_id: UUID | None) -> None:
    """The user's open pages that do not show `message_id` yet fetch the conversation anew; None: it was deleted."""
    message = str(message_id) if message_id else None
    _tell_pages(user_id, "conversation.changed", conversation=str(conversation_id), message=message)


def turns_changed(user_id: UUID, conversation_id: UUID) -> None:
    """The user's open pages of the conversation fetch it anew: a message that they show is another one now."""
    _tell_pages(user_id, "turns.changed", conversation=str(conversation_id))


def _tell_pages(user_id: UUID, kind: str, **what: str | None) -> None:
    try:
        async_to_sync(get_channel_layer().group_send)(socket_group(user_id), {"type": kind, **what})
    except (RedisError, OSError) as error:
        _lose("pages_not_told", error, user=str(user_id), kind=kind)


def _lose(event: str, error: Exception, **what: str) -> None:
    count_fault("redis_lost")
    log.warning(event, reason=type(error).__name__, **what)
