import math
import time
from dataclasses import dataclass, field

from chatapp.inference.engine.backend import Sampler
from chatapp.inference.engine.errors import EngineError, RequestError
from chatapp.inference.engine.lookup import Lookup
from chatapp.inference.engine.sampling import Sampling
from chatapp.inference.engine.stream import FinishReason, Stream
from chatapp.inference.engine.text import AnswerText


@dataclass(eq=False, slots=True)
class Request:
    """A prompt and the answer so far. `tokens` holds both, so a request that lost its slot simply reads them again."""

    tokens: list[int]
    scope: str
    stream: Stream
    max_completion: int = 0
    sampling: Sampling = field(default_factory=Sampling)
    text: AnswerText = field(default_factory=AnswerText)
    sampler: Sampler | None = None
    lookup: Lookup = field(default_factory=Lookup)
    order: int = 0
    deadline: float = math.inf
    # A public prefix is read into the cache and answers nothing.
    is_prefix: bool = False


@dataclass(eq=False, slots=True)
class Slot:
    """A sequence of the context. `cached` are the tokens that the KV cache holds for it, in order."""

    sequence: int
    cached: list[int] = field(default_factory=list)
    scope: str = ""
    request: Request | None = None
    last_used: int = 0

    def unread(self) -> int:
        return len(self.request.tokens) - len(self.cached) if self.request else 0

    def is_answering(self) -> bool:
        """Whether just the newest token of a started answer is to be read."""
        return self.request is not None and self.request.stream.completion_tokens > 0 and self.unread() == 1


def deadline_after(time_limit: float | None) -> float:
    """The moment, by `time.monotonic`, when an answer that begins now must end."""
    if time_limit is None:
        return math.inf
    if not time_limit > 0:
        raise RequestError("time_limit is a number of seconds above 0.")
    return time.monotonic() + time_limit


def forced_end(stream: Stream, *, deadline: float, now: float) -> tuple[FinishReason, EngineError | None] | None:
    """How an answer must end at once, if it was cancelled or its time is up."""
    if stream.cancelled:
        return "cancelled", None
    if now < deadline:
        return None
    if stream.completion_tokens:
        return "length", None
    return "error", EngineError("The model did not begin to answer in time.")
