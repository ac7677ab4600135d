"""SIGTERM: what becomes of running answers when a worker leaves; see docs/streaming.md."""

import time
from collections.abc import Mapping
from uuid import UUID

import structlog
from django.conf import settings

from chatapp.conversations.pipeline.answer import leave
from chatapp.conversations.pipeline.reply import Reply
from chatapp.database import AWAY

GRACE_SECONDS = 2.0
_LOOK_SECONDS = 0.05
log = structlog.get_logger(__name__)


def drain(replies: Mapping[UUID, Reply]) -> None:
    """Returns when no answer is left: silent ones are handed back at once, others get DRAIN_SECONDS.

    One whose thread hangs is ended here; the attempt's fence makes what that thread writes later void.
    """
    log.info("draining", answers=len(replies))
    _wait(replies, settings.DRAIN_SECONDS, silent_only=True)
    _wait(replies, GRACE_SECONDS, silent_only=False)
    for reply in [*replies.values()]:
        log.warning("drain_forced", generation=str(reply.generation.id))
        try:
            leave(reply)
        except AWAY as error:
            log.warning("drain_failed", generation=str(reply.generation.id), reason=type(error).__name__)


def _wait(replies: Mapping[UUID, Reply], seconds: float, *, silent_only: bool) -> None:
    deadline = time.monotonic() + seconds
    while replies and time.monotonic() < deadline:
        for reply in [*replies.values()]:
            reply.drain(silent_only=silent_only)
        time.sleep(_LOOK_SECONDS)
