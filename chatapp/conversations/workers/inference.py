"""An inference worker process: engines, the flusher, the stop listener and the heartbeat round Celery's slots."""

import os
import threading
import time
from concurrent.futures import wait
from contextlib import ExitStack, suppress
from functools import lru_cache, partial
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection
from redis.exceptions import RedisError

from chatapp.conversations import services
from chatapp.conversations.models import Generation
from chatapp.conversations.pipeline.answer import generate_reply
from chatapp.conversations.pipeline.reply import Reply
from chatapp.conversations.queue import claim_next, has_queued
from chatapp.conversations.streams.entries import CONTROL_CHANNEL
from chatapp.conversations.streams.flusher import Flusher
from chatapp.conversations.streams.wakeups import hear
from chatapp.conversations.workers.drain import drain
from chatapp.conversations.workers.leases import LeaseKeeper
from chatapp.conversations.workers.lending import lend
from chatapp.conversations.workers.orders import OrderTaker
from chatapp.conversations.workers.reporting import Reporter
from chatapp.conversations.workers.tending import Tender
from chatapp.conversations.workers.warming import keep_warm, warm_up
from chatapp.database import AWAY
from chatapp.inference.engine import ChatModel, EngineError
from chatapp.inference.live_figures import forget_figures
from chatapp.inference.models import ModelVersion, WorkerKind
from chatapp.inference.order_signals import ORDERS_CHANNEL
from chatapp.inference.pool import EnginePool
from chatapp.inference.pool.reporting import ProblemReports
from chatapp.inference.presence import forget_presence, worker_name
from chatapp.inference.selectors import list_chat_versions, serving_version
from chatapp.moderation.checks import judge
from chatapp.moderation.tallies import store_looks
from chatapp.redis import blocking_client

HEARTBEAT_SECONDS = 3.0
SWEEP_SECONDS = 5.0
GOODBYE_SECONDS = 3.0
log = structlog.get_logger(__name__)


class InferenceWorker:
    def __init__(self) -> None:
        self.name = worker_name(WorkerKind.INFERENCE)
        self.pool = EnginePool()
        self.tender = Tender(self.pool)
        self.problems = ProblemReports(self.pool, worker=self.name)
        self.flusher = Flusher()
        self.draining = threading.Event()
        self.closed = threading.Event()
        self.resting = threading.Event()  # An operator lets it claim nothing.
        self.ejected = threading.Event()
        self.warm = threading.Event()
        self.replies: dict[UUID, Reply] = {}
        self.leases = LeaseKeeper(self.replies)
        self.orders = OrderTaker(self)
        self._reporter = Reporter(self)
        self._slots = threading.BoundedSemaphore(settings.INFERENCE_SLOTS)

    def start(self) -> None:
        """Claims nothing before the embedder is warm: a lease would run out while it loads."""
        judge.use(partial(lend, self.pool))
        threads = (self._beat, self._listen, self._warm_up, self._keep_warm, self._drain, self._sweep, self._hear)
        for target in (*threads, self.orders.run):
            threading.Thread(target=target, name=target.__name__.strip("_"), daemon=True).start()

    def answer_all(self) -> None:
        """Fills one slot, if one is free: claims and answers until the queue is empty or the worker drains."""
        if not self._slots.acquire(blocking=False):
            return  # Those that are busy look again when they are done.
        try:
            while (generation := self._claim()) is not None:
                self.answer(generation)
        finally:
            self._slots.release()
            close_old_connections()

    def _claim(self) -> Generation | None:
        if not self.may_claim:
            return None
        try:
            return claim_next(worker=self.name, version_ids=[version.id for version in self.served()])
        except AWAY as error:
            log.warning("claim_failed", reason=type(error).__name__)
            connection.close()
            return None

    def answer(self, generation: Generation) -> None:
        reply = Reply(generation, self.flusher.writer(generation.id, generation.attempt))
        self.replies[generation.id] = reply
        if self.draining.is_set():  # It was claimed in the very moment.
            reply.drain(silent_only=True)
        with ExitStack() as in_use:
            in_use.callback(self.replies.pop, generation.id, None)
            generate_reply(reply, lambda reply: self._model_for(reply, in_use))

    def drain(self) -> None:
        """Claims no more and lets go of what is claimed; returns when no answer is left here."""
        self.draining.set()
        drain(self.replies)

    def close(self) -> None:
        """After Celery's slots have ended: what is in the flusher goes out, the engines are freed."""
        self.closed.set()
        self.drain()
        self.leases.close()
        self.flusher.close()
        self.pool.close()
        store_looks()
        with suppress(*AWAY):
            forget_presence(WorkerKind.INFERENCE)
        forget_figures(self.name)

    def _model_for(self, reply: Reply, in_use: ExitStack) -> ChatModel:
        """Stays loaded until `in_use` is left."""
        if reply.version.id not in self.pool.loaded():
            reply.live.note("The model is loading")

        def waiting() -> None:
            reply.renew()
            if reply.stopped:
                raise EngineError("The answer was stopped while its model was loading.")

        return in_use.enter_context(self.pool.using(reply.version, waiting=waiting))

    @property
    def may_claim(self) -> bool:
        return self.warm.is_set() and not self.draining.is_set() and not self.resting.is_set()

    @property
    def has_room(self) -> bool:
        return self.may_claim and len(self.replies) < settings.INFERENCE_SLOTS

    def served(self) -> list[ModelVersion]:
        return [version for version in list_chat_versions() if self.pool.serves(version)]

    def _warm_up(self) -> None:
        """The first answer should wait for neither the weights nor the embedder."""
        try:
            version = serving_version()
            if version is not None:
                wait([self.pool.prepare(version)])
                self._reporter.report()
            warm_up(worker=self.name, draining=self.draining)
        except DatabaseError as error:
            log.warning("warm_up_failed", reason=type(error).__name__)  # The first answer loads what is missing.
        finally:
            close_old_connections()
            self.warm.set()

    def _keep_warm(self) -> None:
        self.warm.wait()
        keep_warm(worker=self.name, draining=self.draining)

    def _beat(self) -> None:
        """Says what this worker is doing, and looks for work that no message announced."""
        last = 0.0
        while not self.draining.wait(1.0):
            try:
                if time.monotonic() - last >= HEARTBEAT_SECONDS:
                    last = time.monotonic()
                    self._tend()
                    self._reporter.report()
                    store_looks()
                if self.has_room and has_queued():
                    self.answer_unannounced()
            except (DatabaseError, *AWAY) as error:
                log.warning("heartbeat_failed", reason=type(error).__name__)
            finally:
                close_old_connections()

    def answer_unannounced(self) -> None:
        """Without Celery, whose messages Redis may have lost or cannot carry now."""
        threading.Thread(target=self.answer_all, name="slot", daemon=True).start()

    def _hear(self) -> None:
        """Wake-ups by the short way, taken only while a slot is free; Celery brings those that are not."""
        client = blocking_client()
        while not self.draining.is_set():
            if not self.has_room:
                self.draining.wait(0.05)
                continue
            try:
                if hear(client, 1.0):
                    self.answer_unannounced()
            except (RedisError, OSError) as error:
                log.warning("wake_ups_not_heard", reason=type(error).__name__)
                self.draining.wait(1.0)

    def _drain(self) -> None:
        self.draining.wait()
        drain(self.replies)
        if not self.closed.wait(GOODBYE_SECONDS):
            # Celery takes leave of its broker, and of one that hangs for ever. Nothing here waits for that.
            log.warning("broker_hangs_at_the_end")
            self.close()
            os._exit(0)

    def _sweep(self) -> None:
        """Beat may be dead, or Redis, which carries its messages; several sweepers do not disturb each other."""
        while not self.draining.wait(SWEEP_SECONDS):
            try:
                services.sweep_when_settled()
            except (DatabaseError, *AWAY) as error:
                log.warning("sweep_failed", reason=type(error).__name__)
            finally:
                close_old_connections()

    def _tend(self) -> None:
        self.tender.tend()
        self.problems.sync()

    def _listen(self) -> None:
        """Stop signals; a lost one is found by the next lease renewal."""
        while not self.draining.is_set():
            try:
                self._listen_once()
            except (RedisError, OSError) as error:
                log.warning("stop_listener_failed", reason=type(error).__name__)
                time.sleep(1.0)

    def _listen_once(self) -> None:
        with blocking_client().pubsub(ignore_subscribe_messages=True) as channel:
            channel.subscribe(CONTROL_CHANNEL, ORDERS_CHANNEL)
            while not self.draining.is_set():
                message = channel.get_message(timeout=1.0)
                if message and message["channel"] == ORDERS_CHANNEL:
                    if message["data"] == self.name:
                        self.orders.signalled.set()
                elif message and (reply := self.replies.get(UUID(message["data"]))) is not None:
                    reply.stop()


@lru_cache(maxsize=1)
def current_worker() -> InferenceWorker:
    """The one of this process."""
    return InferenceWorker()
