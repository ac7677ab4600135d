"""What leaves the database: wake-ups, stop signals, stream entries, socket control. Never HTML.

Losing any of these changes nothing that lasts: Postgres holds the fact, and a sweep or a poll finds it.
"""

from uuid import UUID

import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from chatapp.celery import INFERENCE_QUEUE, app
from chatapp.conversations.streams.entries import CONTROL_CHANNEL, end_entry, fence_id, stream_key
from chatapp.conversations.streams.redis import redis_client

WAKE_UP = "chatapp.conversations.tasks.answer_queued"
SIDE_WORK = "chatapp.conversations.tasks.do_side_work"
log = structlog.get_logger(__name__)


def wake_workers() -> None:
    """Says only that there is work; an idle worker also looks once a second."""
    try:
        app.send_task(WAKE_UP, queue=INFERENCE_QUEUE, expires=30, retry=False, ignore_result=True)
    except (OperationalError, RedisError, OSError) as error:
        log.warning("wake_up_lost", reason=type(error).__name__)


def publish_stop(generation_id: UUID) -> None:
    try:
        redis_client().publish(CONTROL_CHANNEL, str(generation_id))
    except RedisError as error:
        log.warning("stop_signal_lost", generation=str(generation_id), reason=type(error).__name__)


def publish_end(generation_id: UUID, attempt: int, status: str) -> None:
    """Tells followers that a sweeper ended the answer (a worker's own end goes through its flusher)."""
    try:
        redis_client().xadd(stream_key(generation_id), end_entry(status), id=fence_id(attempt, after=True))
    except RedisError as error:
        log.warning("end_event_lost", generation=str(generation_id), reason=type(error).__name__)


def discard_stream(generation_id: UUID) -> None:
    """The conversation is gone: stop its worker and remove the text that the stream holds."""
    publish_stop(generation_id)
    try:
        redis_client().delete(stream_key(generation_id))
    except RedisError as error:
        log.warning("stream_not_removed", generation=str(generation_id), reason=type(error).__name__)


def request_side_work(task: str, generation_id: UUID, *, tries: int = 0, delay: float, expires: float) -> None:
    """Asks some inference worker to write a title or a summary once nobody waits; it may be lost."""
    try:
        app.send_task(
            SIDE_WORK,
            (task, str(generation_id), tries),
            queue=INFERENCE_QUEUE,
            countdown=delay,
            expires=expires,
            retry=False,
            ignore_result=True,
        )
    except (OperationalError, RedisError, OSError) as error:
        log.warning("side_work_lost", task=task, reason=type(error).__name__)


def socket_group(user_id: UUID) -> str:
    return f"user.{user_id.hex}"


def close_sockets(user_id: UUID) -> None:
    """Closes every socket of the user (4401): signed out, or disabled."""
    try:
        async_to_sync(get_channel_layer().group_send)(socket_group(user_id), {"type": "session.over"})
    except (RedisError, OSError) as error:
        log.warning("sockets_not_closed", user=str(user_id), reason=type(error).__name__)


def reload_list(user_id: UUID) -> None:
    """The user's open pages fetch their list of conversations anew."""
    try:
        async_to_sync(get_channel_layer().group_send)(socket_group(user_id), {"type": "list.changed"})
    except (RedisError, OSError) as error:
        log.warning("list_not_reloaded", user=str(user_id), reason=type(error).__name__)


def conversation_changed(user_id: UUID, conversation_id: UUID, message_id: UUID | None) -> None:
    """The user's open pages that do not show `message_id` yet fetch the conversation anew; None: it was deleted."""
    changed = {
        "type": "conversation.changed",
        "conversation": str(conversation_id),
        "message": str(message_id) if message_id else None,
    }
    try:
        async_to_sync(get_channel_layer().group_send)(socket_group(user_id), changed)
    except (RedisError, OSError) as error:
        log.warning("pages_not_in_step", conversation=str(conversation_id), reason=type(error).__name__)
