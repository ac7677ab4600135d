"""For the rendering of a page: what a running answer's stream holds beyond its checkpoint, up to a second of text."""

from collections.abc import Iterable

import structlog
from redis.exceptions import RedisError

from chatapp.conversations.models import Generation, Status
from chatapp.conversations.streams.entries import entry_id, parse_entry, stream_key
from chatapp.conversations.streams.live_answer import LiveAnswer
from chatapp.redis import redis_client

PATIENCE_SECONDS = 0.25
log = structlog.get_logger(__name__)


def read_tails(generations: Iterable[Generation]) -> None:
    """Brings `checkpoint` and `checkpoint_seq` of those that run up to date in memory; the rows stay as they are.

    Without Redis, or when it lets a page wait, the checkpoint is what there is.
    """
    running = [generation for generation in generations if generation.status == Status.ANSWERING]
    if not running:
        return
    pipeline = redis_client(patience=PATIENCE_SECONDS).pipeline(transaction=False)
    for generation in running:
        after = entry_id(generation.attempt, generation.checkpoint_seq)
        pipeline.xrange(stream_key(generation.id), min=f"({after}")
    try:
        tails = pipeline.execute()
    except RedisError as error:
        log.warning("tails_not_read", reason=type(error).__name__)
        return
    for generation, tail in zip(running, tails, strict=True):
        _extend(generation, tail)


def _extend(generation: Generation, tail: list[tuple[str, dict[str, str]]]) -> None:
    answer = LiveAnswer(generation.id, generation.message_id)
    answer.adopt_checkpoint(attempt=generation.attempt, seq=generation.checkpoint_seq, text=generation.checkpoint)
    for raw_id, raw in tail:
        answer.apply(parse_entry(raw_id, raw))
    if answer.attempt == generation.attempt and not answer.gap:
        generation.checkpoint, generation.checkpoint_seq = answer.text, answer.seq
