"""A minute of load on a model: streams beside each other, each followed by the next, while nobody waits for theirs.

Absolute times on a shared machine mean little, so the serving version is measured in the same way: see marks.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from math import ceil
from statistics import median

from chatapp.evaluation.gate.load_prompts import prompt
from chatapp.inference.engine import ChatModel, EngineError
from chatapp.inference.engine.stream import Stream

MAX_TOKENS = 128
LOOK_SECONDS = 0.005
PAUSED_SECONDS = 0.05
# People use the worker all the time: then nothing can be measured.
GIVE_UP_AFTER = 10
MAX_ERRORS = 20
LEAST_LIMIT_SECONDS = 5.0
# Too few for a rate.
_LEAST_TOKENS = 8


class NotMeasuredError(Exception):
    """Cancelled, or people needed the worker nearly all the time."""


@dataclass(frozen=True, slots=True)
class LoadFigures:
    """`speed` is in tokens a second of all streams together, `stream_speed` the median of one; times in seconds.

    `paused` is how long the streams gave way to people; it counts for nothing else.
    """

    streams: int
    seconds: float
    answers: int
    tokens: int
    errors: int
    speed: float
    stream_speed: float | None
    first_token_p50: float | None
    first_token_p95: float | None
    paused: float = 0.0

    def as_dict(self) -> dict[str, float | int | None]:
        return asdict(self)


@dataclass(eq=False)
class _Running:
    stream: Stream
    began: float
    first: float | None = None
    counted: int = 0


@dataclass
class LoadTest:
    """`room` is how many streams may run now; `goes_on`, asked all the time, ends it by saying no.

    `scope` must be new for each test, so that no prompt is found computed.
    """

    model: ChatModel
    system_prompt: str
    streams: int
    seconds: float
    scope: str
    room: Callable[[], int]
    goes_on: Callable[[], bool]
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _running: list[_Running] = field(default_factory=list)
    _first: list[float] = field(default_factory=list)
    _speeds: list[float] = field(default_factory=list)
    _asked: int = 0
    _answers: int = 0
    _errors: int = 0
    _tokens: int = 0

    def run(self) -> LoadFigures:
        """Raises NotMeasuredError."""
        measured = paused = 0.0
        began = last = self.clock()
        try:
            while measured < self.seconds and self._errors < MAX_ERRORS:
                if not self.goes_on() or self.clock() - began > GIVE_UP_AFTER * self.seconds:
                    raise NotMeasuredError
                is_full = self._fill(min(self.streams, self.room()))
                tokens = self._read()
                self.sleep(LOOK_SECONDS if self._running else PAUSED_SECONDS)
                now = self.clock()
                if is_full:
                    measured, self._tokens = measured + now - last, self._tokens + tokens
                else:
                    paused += now - last
                last = now
            self._count_waiting()
        finally:
            for one in self._running:
                one.stream.cancel()
        return self._figures(measured, paused)

    def _fill(self, wanted: int) -> bool:
        """Takes back the newest streams where people need their place. True when all streams run."""
        while len(self._running) > wanted:
            self._running.pop().stream.cancel()
        while len(self._running) < wanted and self._errors < MAX_ERRORS:
            began = self.clock()
            try:
                asked = prompt(self._asked, system_prompt=self.system_prompt)
                limit = max(self.seconds, LEAST_LIMIT_SECONDS)
                stream = self.model.chat(asked, max_tokens=MAX_TOKENS, cache_scope=self.scope, time_limit=limit)
            except EngineError:
                self._errors += 1
            else:
                self._running.append(_Running(stream, began))
            self._asked += 1
        return wanted >= self.streams

    def _read(self) -> int:
        """How many tokens came since the last time."""
        tokens = 0
        for one in list(self._running):
            try:
                piece = one.stream.next_text(0)
            except EngineError:
                self._errors += 1
                self._running.remove(one)
                continue
            if piece and one.first is None:
                one.first = self.clock()
                self._first.append(one.first - one.began)
            tokens += one.stream.completion_tokens - one.counted
            one.counted = one.stream.completion_tokens
            if piece is None:
                self._end(one)
        return tokens

    def _end(self, one: _Running) -> None:
        self._running.remove(one)
        self._answers += 1
        if one.first is not None and one.counted >= _LEAST_TOKENS and (taken := self.clock() - one.first) > 0:
            self._speeds.append((one.counted - 1) / taken)

    def _count_waiting(self) -> None:
        """Streams that have waited longest of all for their first token count by what they have waited so far."""
        longest = max(self._first, default=0.0)
        waited = (self.clock() - one.began for one in self._running if one.first is None)
        self._first += [seconds for seconds in waited if seconds > longest]

    def _figures(self, measured: float, paused: float) -> LoadFigures:
        return LoadFigures(
            streams=self.streams,
            seconds=round(measured, 1),
            answers=self._answers,
            tokens=self._tokens,
            errors=self._errors,
            speed=round(self._tokens / measured, 2) if measured else 0.0,
            stream_speed=round(median(self._speeds), 2) if self._speeds else None,
            first_token_p50=_percentile(self._first, 0.5),
            first_token_p95=_percentile(self._first, 0.95),
            paused=round(paused, 1),
        )


def _percentile(values: Sequence[float], share: float) -> float | None:
    """By nearest rank."""
    return round(sorted(values)[ceil(share * len(values)) - 1], 4) if values else None
