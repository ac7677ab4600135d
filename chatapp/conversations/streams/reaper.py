"""Takes over the stream of a dead worker: closes the attempt first, then reads what was shown."""

from contextlib import suppress
from uuid import UUID

from redis.exceptions import RedisError, ResponseError

from chatapp.conversations.streams.entries import EXPIRY_SECONDS, entry_id, fence_id, fields, parse_entry, stream_key
from chatapp.redis import redis_client


class StreamUnavailableError(Exception):
    """Redis cannot tell what was shown."""


def fence_and_read(generation_id: UUID, attempt: int, checkpoint: str, checkpoint_seq: int) -> str:
    """The text that was shown: the checkpoint and the tail of the stream behind it.

    After this call Redis refuses every further entry of the attempt. Raises StreamUnavailableError.
    """
    key, fence = stream_key(generation_id), fence_id(attempt)
    client = redis_client()
    try:
        lost = not client.exists(key)
        with suppress(ResponseError):  # An earlier sweep may have closed it already.
            client.xadd(key, fields("note"), id=fence)
        client.expire(key, EXPIRY_SECONDS)
        tail = client.xrange(key, min="(" + entry_id(attempt, checkpoint_seq), max=fence)
    except RedisError as error:
        raise StreamUnavailableError from error
    if lost:
        raise StreamUnavailableError
    text = checkpoint
    for raw_id, raw in tail:
        entry = parse_entry(raw_id, raw)
        if entry.kind == "snapshot":
            text = entry.text
        elif entry.kind == "text":
            text += entry.text
    return text


def forget_text(generation_id: UUID) -> None:
    """Of an answer that was taken back: who comes to its stream now finds nothing. Without Redis it expires there."""
    with suppress(RedisError):
        redis_client().xtrim(stream_key(generation_id), maxlen=0, approximate=False)
