"""Keeps the leases of all answers of a worker, with one statement a second."""

import threading
import time
from collections.abc import Mapping
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection

from chatapp.conversations import services
from chatapp.conversations.pipeline.reply import Reply
from chatapp.database import AWAY
from chatapp.metrics import count_fault

CHECKPOINT_SECONDS = 1.0
log = structlog.get_logger(__name__)


class LeaseKeeper:
    """Only answers that made progress are renewed, so a hung decode loses its lease.

    While the database is away answers go on, and their text to the live stream; after DATABASE_PATIENCE_SECONDS
    without proof of its lease an answer is given up, and what it has shown is the sweeper's to keep.
    """

    def __init__(self, replies: Mapping[UUID, Reply]) -> None:
        self._replies = replies
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease-keeper", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        self._thread.join(timeout=5)

    def renew_all(self) -> None:
        due = [(reply, taken) for reply in [*self._replies.values()] if (taken := reply.take_checkpoint()) is not None]
        if not due:
            return
        try:
            held = services.renew_leases([checkpoint for _, checkpoint in due])
        except AWAY as error:
            log.warning("leases_not_renewed", reason=type(error).__name__, leases=len(due))
            count_fault("database_away")
            self._wait_or_give_up([reply for reply, _ in due])
            return
        for reply, checkpoint in due:
            name = reply.generation.id
            if name not in held:
                reply.lose()
            elif (stop := held[name]) is None:
                reply.keep_progress()
            else:
                reply.confirm(checkpoint, stop=stop)

    def _run(self) -> None:
        while not self._closed.wait(CHECKPOINT_SECONDS):
            try:
                self.renew_all()
            except Exception:
                log.exception("lease_keeper_failed")  # It must outlive whatever one answer does to it.
            finally:
                connection.close()

    def _wait_or_give_up(self, replies: list[Reply]) -> None:
        for reply in replies:
            reply.keep_progress()
            if time.monotonic() - reply.held_at > settings.DATABASE_PATIENCE_SECONDS:
                reply.lose()
