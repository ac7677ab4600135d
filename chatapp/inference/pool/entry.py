"""One version in a worker: is it loaded, who uses it, what went wrong and when to try again."""

import math
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from uuid import UUID

from chatapp.inference.engine import ChatModel, EngineError
from chatapp.inference.engine.estimate import MemoryNeed
from chatapp.inference.models import ModelVersion
from chatapp.inference.pool.needs import NotHereError, NotNowError

FAULT_WINDOW_SECONDS = 600.0
# Before the second and the third try; a third fault within the window is the last.
PAUSES_SECONDS = (5.0, 30.0)
LOOK_AGAIN_SECONDS = 20.0
INSPECT_AGAIN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class ModelUse:
    """A loaded model, who uses it at this moment, and what it was estimated to take (None: nothing here)."""

    version_id: UUID
    model: ChatModel
    users: int
    need: MemoryNeed | None


@dataclass(eq=False)
class Entry:
    """Guarded by the pool's lock. Times are of the pool's clock; `retry_at` is infinite once it has given up."""

    version: ModelVersion
    model: ChatModel | None = None
    loading: "Future[ChatModel] | None" = None
    need: MemoryNeed | None = None
    users: int = 0
    last_used: float = 0.0
    error: EngineError | None = None
    retry_at: float = 0.0
    is_pinned: bool = False  # by an operator, who has loaded it
    is_barred: bool = False  # likewise, who has unloaded it
    inspected: bool = False
    inspect_at: float = -math.inf
    faults: deque[float] = field(default_factory=deque)

    @property
    def is_absent(self) -> bool:
        return isinstance(self.error, NotHereError)

    def use(self) -> ModelUse | None:
        return ModelUse(self.version.id, self.model, self.users, self.need) if self.model else None

    def is_due(self, now: float) -> bool:
        """Something went wrong, and the time has come to try again."""
        return self.error is not None and now >= self.retry_at

    def is_idle(self) -> bool:
        return self.model is not None and self.users == 0

    def fail(self, error: EngineError, *, now: float) -> None:
        self.model = self.loading = self.need = None
        if self.is_barred:
            return
        self.error = error
        if isinstance(error, NotNowError):
            self.retry_at = now + LOOK_AGAIN_SECONDS
            return
        self.faults.append(now)
        while self.faults[0] < now - FAULT_WINDOW_SECONDS:
            self.faults.popleft()
        past = len(self.faults) - 1
        self.retry_at = now + PAUSES_SECONDS[past] if past < len(PAUSES_SECONDS) else math.inf

    def recover(self) -> None:
        """Faults stay counted: an engine that loads well and then fails, again and again, is to be given up."""
        if not self.is_barred:
            self.error, self.retry_at = None, 0.0

    def bar(self, error: EngineError) -> None:
        """It is not loaded again, whatever happens, until it is forgiven."""
        self.is_pinned, self.is_barred = False, True
        self.error, self.retry_at = error, math.inf

    def renew(self, version: ModelVersion) -> None:
        """Its weights are known now: what was found without them says nothing of it."""
        self.version, self.inspected, self.inspect_at = version, False, -math.inf
        self.recover()

    def forgive(self) -> None:
        self.is_barred = False
        self.recover()
        self.faults.clear()
