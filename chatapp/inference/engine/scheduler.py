"""Continuous batching: each step reads one token of every running answer and a bounded piece of waiting prompts."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from chatapp.inference.engine.backend import Backend, Outcome, Vocabulary
from chatapp.inference.engine.drafts import Drafts
from chatapp.inference.engine.errors import EngineError
from chatapp.inference.engine.planner import Planner, Work, prompt_tokens_in, tokens_in
from chatapp.inference.engine.requests import Request, Slot, forced_end
from chatapp.inference.engine.slots import Slots
from chatapp.inference.engine.stream import FinishReason
from chatapp.inference.engine.types import StepReport

_MAX_FAILURES_IN_A_ROW = 3


@dataclass(slots=True)
class Counters:
    steps: int = 0
    last_step_seconds: float = 0.0
    last_batch_tokens: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prefix_reused_tokens: int = 0
    drafted_tokens: int = 0
    accepted_tokens: int = 0
    failed_requests: int = 0


class Scheduler:
    """Owned by the engine thread. `waiting` is in order of arrival."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        backend: Backend,
        slots: Slots,
        *,
        batch_size: int,
        drafts: Drafts | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.waiting: deque[Request] = deque()
        self.counters = Counters()
        self.slots = slots
        self._vocabulary = vocabulary
        self._backend = backend
        self._planner = Planner(batch_size=batch_size, drafts=drafts or Drafts(longest=0, room=0))
        self._clock = clock
        self._arrivals = 0
        self._failures_in_a_row = 0

    def add(self, request: Request) -> None:
        self._arrivals += 1
        request.order = self._arrivals
        if request.is_prefix:
            self.slots.publish(request.tokens)
        self.waiting.append(request)

    def has_work(self) -> bool:
        return bool(self.waiting or self.slots.busy())

    def step(self) -> StepReport | None:
        """Run one step; None when there was nothing left to read. Raises `EngineError` when llama.cpp keeps failing."""
        started = time.perf_counter()
        before = replace(self.counters)
        self._drop_ended()
        self._admit()
        work = self._planner.plan(self.slots.busy())
        if not work:
            return None
        decode_started = time.perf_counter()
        outcome = self._backend.decode([chunk for _slot, chunk in work])
        decode_seconds = time.perf_counter() - decode_started
        prompt_tokens = prompt_tokens_in(work)
        if outcome is Outcome.DONE:
            self._failures_in_a_row = 0
            self._planner.learn(work, seconds=decode_seconds)
            self._collect(work)
        elif outcome is Outcome.CACHE_FULL:
            self._free_cache()
        else:
            self._fail_batch(work)
        return self._report(before, work, prompt_tokens, decode_seconds, time.perf_counter() - started)

    def end_all(self, reason: FinishReason, *, error: EngineError | None = None) -> None:
        for slot in self.slots.busy():
            self._leave(slot, reason, error=error)
        while self.waiting:
            self._end(self.waiting.popleft(), reason, error=error)

    def _drop_ended(self) -> None:
        now = self._clock()
        for slot in self.slots.busy():
            request = slot.request
            if request and (end := forced_end(request.stream, deadline=request.deadline, now=now)):
                self._leave(slot, end[0], error=end[1])
        for request in list(self.waiting):
            if end := forced_end(request.stream, deadline=request.deadline, now=now):
                self.waiting.remove(request)
                self._end(request, end[0], error=end[1])

    def _admit(self) -> None:
        while self.waiting:
            request = self.waiting[0]
            slot = self.slots.place(request)
            if slot is None:
                return
            self.waiting.popleft()
            if request.sampler is None and not request.is_prefix:
                request.sampler = self._backend.make_sampler(request.sampling)
            if not request.stream.progress:
                reused = len(slot.cached)
                request.stream.reused_tokens = request.stream.tokens_read = reused
                self.counters.prefix_reused_tokens += reused

    def _collect(self, work: Work) -> None:
        for slot, chunk in work:
            if slot.request and not slot.is_answering():
                slot.request.stream.tokens_read += len(chunk.tokens)
                self.counters.prompt_tokens += len(chunk.tokens)
            slot.cached.extend(chunk.tokens)
            if slot.request and slot.request.is_prefix and not slot.unread():
                self._leave(slot, "stop")
        output = 0
        for slot, chunk in work:
            if chunk.outputs:
                self._write(slot, output, drafts=chunk.tokens[len(chunk.tokens) - chunk.outputs + 1 :])
            output += chunk.outputs

    def _write(self, slot: Slot, output: int, *, drafts: list[int]) -> None:
        """Write the next token, and those after it as long as the drafts are what the model says itself."""
        accepted = 0
        while (token := self._write_one(slot, output + accepted)) is not None:
            if slot.request:
                slot.request.lookup.compare(accepted, token)
            if accepted == len(drafts) or token != drafts[accepted] or not slot.request:
                break
            accepted += 1
        self.counters.drafted_tokens += len(drafts)
        self.counters.accepted_tokens += accepted
        if accepted < len(drafts):
            self.slots.cut(slot, len(drafts) - accepted)

    def _write_one(self, slot: Slot, output: int) -> int | None:
        """Write the token that follows an output of the batch; None when the answer ended before it."""
        request = slot.request
        if request is None or request.sampler is None:
            return None
        stream = request.stream
        try:
            token = request.sampler.choose(output)
        except EngineError as error:
            self._leave(slot, "error", error=error)
            self.slots.forget(slot)
            return None
        if token in self._vocabulary.end_tokens and not request.sampling.ignore_eos:
            self._leave(slot, "stop")
            return None
        request.tokens.append(token)
        stream.completion_tokens += 1
        self.counters.completion_tokens += 1
        stream.write(request.text.push(self._vocabulary.piece(token)))
        if request.text.stopped:
            self._leave(slot, "stop")
        elif stream.completion_tokens >= request.max_completion:
            self._leave(slot, "length")
        return token

    def _free_cache(self) -> None:
        """The batch did not fit: drop idle caches, else let the newest request wait, else fail the only one."""
        if self.slots.evict_idle():
            return
        *others, newest = self.slots.busy()
        if not others:
            self._leave(newest, "error", error=EngineError("The answer does not fit the engine's context memory."))
        elif newest.request:
            self.waiting.appendleft(newest.request)
            newest.request = None
        self.slots.forget(newest)

    def _fail_batch(self, work: Work) -> None:
        error = EngineError("llama.cpp could not compute this step.")
        for slot, _chunk in work:
            self._leave(slot, "error", error=error)
            self.slots.forget(slot)
        self._failures_in_a_row += 1
        if self._failures_in_a_row >= _MAX_FAILURES_IN_A_ROW:
            raise EngineError(f"llama.cpp failed {self._failures_in_a_row} steps in a row.")

    def _leave(self, slot: Slot, reason: FinishReason, *, error: EngineError | None = None) -> None:
        request, slot.request = slot.request, None
        if request is not None:
            self._end(request, reason, error=error)

    def _end(self, request: Request, reason: FinishReason, *, error: EngineError | None = None) -> None:
        if request.sampler is not None:
            request.sampler.free()
            request.sampler = None
        self.counters.failed_requests += reason == "error"
        request.stream.write(request.text.flush())
        request.stream.finish(reason, error=error)

    def _report(
        self, before: Counters, work: Work, prompt_tokens: int, decode_seconds: float, seconds: float
    ) -> StepReport:
        batch_tokens = tokens_in(work)
        self.counters.steps += 1
        self.counters.last_step_seconds = seconds
        self.counters.last_batch_tokens = batch_tokens
        return StepReport(
            batch_tokens=batch_tokens,
            prompt_tokens=prompt_tokens,
            seconds=seconds,
            decode_seconds=decode_seconds,
            slots_busy=sum(slot.request is not None for slot in self.slots),
            waiting=len(self.waiting),
            drafted=self.counters.drafted_tokens - before.drafted_tokens,
            accepted=self.counters.accepted_tokens - before.accepted_tokens,
        )
