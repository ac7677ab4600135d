import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import contextmanager, suppress
from functools import partial
from threading import Condition
from uuid import UUID

import structlog

from chatapp.inference.engine import ChatModel, EngineError
from chatapp.inference.engine.estimate import MemoryNeed
from chatapp.inference.metrics import ENGINE_FAULTS
from chatapp.inference.models import ModelVersion
from chatapp.inference.pool.background import Background
from chatapp.inference.pool.choice import Demand, least_needed, unneeded
from chatapp.inference.pool.entry import INSPECT_AGAIN_SECONDS, LOOK_AGAIN_SECONDS, Entry, ModelUse
from chatapp.inference.pool.loading import WAIT_SECONDS, Loader, load_model, try_to_load, wait_for
from chatapp.inference.pool.needs import NotNowError, has_what_it_needs
from chatapp.inference.pool.room import find_obstacle, find_shortage

# How long a load waits for the memory of models that still answer, and for `tend` to learn of a change of the route.
_DRAIN_SECONDS = 60.0
_NOTICE_SECONDS = 8.0
log = structlog.get_logger(__name__)


class EnginePool:
    """Thread-safe. One model at a time is loaded, in the background, while the others go on serving."""

    def __init__(self, *, load: Loader = load_model, clock: Callable[[], float] = time.monotonic) -> None:
        self._load = load
        self._clock = clock
        # Guards the entries and what `tend` was told.
        self._changed = Condition()
        self._entries: dict[UUID, Entry] = {}
        self._demand = Demand()
        self._closed = False
        self._background = Background("model-loader")

    @contextmanager
    def using(self, version: ModelVersion, *, waiting: Callable[[], None]) -> Iterator[ChatModel]:
        """The version's model, which stays loaded meanwhile. `waiting` is called about once a second until it is there.

        Raises EngineError, at once while the version has a problem, and what `waiting` raises.
        """
        with self._changed:
            entry = self._entry(version)
            entry.users += 1
        try:
            yield wait_for(self.prepare(version), version, waiting=waiting)
        finally:
            with self._changed:
                entry.users -= 1
                entry.last_used = self._clock()
                self._free_barred()
                self._changed.notify_all()

    def prepare(self, version: ModelVersion) -> "Future[ChatModel]":
        """Starts loading unless the version is loaded, loading, or waits after a fault."""
        with self._changed:
            entry = self._entry(version)
            self._notice_fault(entry)
            if entry.loading is not None:
                return entry.loading
            future: Future[ChatModel] = Future()
            if entry.model is not None:
                future.set_result(entry.model)
            elif self._closed:
                future.set_exception(EngineError("The worker is stopping."))
            elif entry.error is not None and not entry.is_due(self._clock()):
                future.set_exception(entry.error)
            else:
                entry.loading = future
                self._background.run(partial(self._load_entry, entry, future))
            return future

    def serves(self, version: ModelVersion) -> bool:
        """Whether it can answer, loaded or not, as far as is known."""
        with self._changed:
            entry = self._entry(version)
            return entry.error is None and (entry.inspected or has_what_it_needs(version))

    def loaded(self) -> dict[UUID, ChatModel]:
        with self._changed:
            return {key: entry.model for key, entry in self._entries.items() if entry.model is not None}

    def loading(self) -> list[UUID]:
        with self._changed:
            return [key for key, entry in self._entries.items() if entry.loading is not None]

    def problems(self) -> dict[ModelVersion, str]:
        """Why versions cannot answer here. That one is not on this machine counts where a route asks for it."""
        with self._changed:
            return {
                entry.version: str(entry.error)
                for key, entry in self._entries.items()
                if entry.error is not None and (not entry.is_absent or key in self._demand.routed)
            }

    def forgive(self, version: ModelVersion) -> None:
        """An operator wants it tried again."""
        with self._changed:
            self._entry(version).forgive()

    def load(self, version: ModelVersion) -> "Future[ChatModel]":
        """By an operator's order: at once, and it stays, used or not, until `unload`."""
        with self._changed:
            entry = self._entry(version)
            entry.forgive()
            entry.is_pinned = True
            return self.prepare(version)

    def unload(self, version: ModelVersion) -> None:
        """By an operator's order: it is served here no more until `load` or `forgive`; its last answer may end."""
        with self._changed:
            self._entry(version).bar(EngineError("An operator has unloaded it on this worker."))
            self._free_barred()

    def uses(self) -> list[ModelUse]:
        """What is loaded here, and how much it is used."""
        with self._changed:
            return [use for entry in self._entries.values() if (use := entry.use()) is not None]

    def tend(
        self,
        *,
        versions: Sequence[ModelVersion],
        routed: Collection[UUID],
        default: ModelVersion | None,
        idle_seconds: float,
        rolling: Collection[UUID] = (),
    ) -> None:
        """Call it every few seconds: looks after faults, looks at what could be loaded, and unloads what is not needed.

        `routed` are the versions that some route names. `default` stays loaded, `rolling` ones do while memory allows;
        others go `idle_seconds` (0: never) after their last answer, of no route a minute, none before `default` came.
        """
        with self._changed:
            self._demand = Demand(routed, default.id if default else None, rolling)
            self._free_barred()
            self._changed.notify_all()
            for version in versions:
                self._look_at(self._entry(version))
            if default is None or self._entry(default).model is not None:
                entries = self._entries.values()
                for entry in unneeded(entries, self._demand, idle_seconds=idle_seconds, now=self._clock()):
                    self._background.run(self._take(entry).close)
        if default is not None:
            self.prepare(default)

    def close(self) -> None:
        """What waits for a model gets an EngineError."""
        with self._changed:
            self._closed = True
            models = [entry.model for entry in self._entries.values() if entry.model is not None]
            waited_for = [entry.loading for entry in self._entries.values() if entry.loading is not None]
            self._entries.clear()
            self._changed.notify_all()
        self._background.stop()
        for future in waited_for:
            future.cancel()
        for model in models:
            model.close()

    def _entry(self, version: ModelVersion) -> Entry:
        entry = self._entries.setdefault(version.id, Entry(version))
        if entry.version.sha256 != version.sha256:  # the hash of a draft's weights, which is written once
            entry.renew(version)
        return entry

    def _look_at(self, entry: Entry) -> None:
        now = self._clock()
        self._notice_fault(entry)
        if entry.loading is not None or entry.model is not None:
            return
        if entry.is_due(now) and not isinstance(entry.error, NotNowError):
            self.prepare(entry.version)
        elif entry.is_due(now) or (entry.error is None and now >= entry.inspect_at):
            entry.inspect_at, entry.retry_at = now + INSPECT_AGAIN_SECONDS, now + LOOK_AGAIN_SECONDS
            self._background.run(partial(self._inspect, entry))

    def _notice_fault(self, entry: Entry) -> None:
        failure = getattr(entry.model, "failure", None)
        if entry.model is None or failure is None:
            return
        log.error("engine_lost", version=entry.version.name, reason=str(failure))
        ENGINE_FAULTS.labels(model_version=entry.version.name).inc()
        self._background.run(entry.model.close)
        entry.fail(failure, now=self._clock())

    def _inspect(self, entry: Entry) -> None:
        """Before anybody asks for the version: could it be loaded? Its files are hashed here, once."""
        with self._changed:
            loaded = [other.need for other in self._entries.values() if other.need is not None]
        obstacle = find_obstacle(entry.version, could_go=loaded)
        with self._changed:
            if entry.loading is not None or entry.model is not None:
                return
            entry.inspected = True
            if obstacle is None:
                entry.recover()
            else:
                entry.fail(obstacle, now=self._clock())

    def _load_entry(self, entry: Entry, future: "Future[ChatModel]") -> None:
        self._settle(entry, future, try_to_load(self._load, entry.version, make_room=partial(self._make_room, entry)))

    def _settle(self, entry: Entry, future: "Future[ChatModel]", result: ChatModel | EngineError) -> None:
        with self._changed:
            entry.inspected, entry.last_used = True, self._clock()
            if isinstance(result, EngineError):
                log.warning("model_not_loaded", version=entry.version.name, reason=str(result))
                entry.fail(result, now=self._clock())
            elif not self._closed:
                entry.model, entry.loading = result, None
                entry.recover()
        if self._closed and not isinstance(result, EngineError):
            result.close()
        with suppress(InvalidStateError):  # nobody waits for it any more
            if isinstance(result, EngineError):
                future.set_exception(result)
            else:
                future.set_result(result)

    def _make_room(self, entry: Entry, need: MemoryNeed) -> None:
        """Unloads idle models, and waits for those that still answer. Raises NotNowError when that is not enough."""
        started = self._clock()
        while (shortage := find_shortage(need)) is not None:
            with self._changed:
                others = [other for other in self._entries.values() if other.model is not None]
                going = least_needed(others, self._demand)
                model = self._take(going) if going else None
                draining = any(other.version.id not in self._demand.routed for other in others if other.users)
                patience = _DRAIN_SECONDS if draining else _NOTICE_SECONDS if others else 0.0
                if model is None and self._clock() - started >= patience:
                    raise NotNowError(f"{entry.version.name} {shortage}.")
                if model is None:
                    self._changed.wait(timeout=WAIT_SECONDS)
            if model is not None:
                model.close()
        entry.need = need

    def _free_barred(self) -> None:
        for entry in [entry for entry in self._entries.values() if entry.is_barred and entry.is_idle()]:
            self._background.run(self._take(entry).close)

    def _take(self, entry: Entry) -> ChatModel:
        """Out of the entry, for the caller to close. The lock is held."""
        model, entry.model, entry.need = entry.model, None, None
        assert model is not None  # noqa: S101 - only idle entries are taken
        log.info("model_unloaded", version=entry.version.name)
        return model
