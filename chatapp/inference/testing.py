"""A model that streams what its prompt asks for, at a steady rate: for tests of load, faults and streaming."""

import heapq
import itertools
import json
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from chatapp.inference.engine.errors import EngineError, SamplingError
from chatapp.inference.engine.requests import deadline_after, forced_end
from chatapp.inference.engine.sampling import parse_sampling, parse_stop
from chatapp.inference.engine.stream import FinishReason, Stream
from chatapp.inference.engine.text import AnswerText
from chatapp.inference.engine.types import ChatMessage, EngineStats, TextEngine
from chatapp.inference.scripts import Script, parse_script, split_prompt, stamp

_SHORTEST_WAIT_SECONDS = 0.005
_LOOK_SECONDS = 0.05
_CHARACTERS_PER_TOKEN = 4


@dataclass(eq=False)
class _Answer:
    stream: Stream
    script: Script
    text: AnswerText
    max_tokens: int
    fails: bool
    deadline: float
    started: float = 0.0
    pieces: Iterator[str] = field(init=False)

    def __post_init__(self) -> None:
        self.pieces = iter(self.script.pieces)

    def due(self) -> float:
        next_piece = self.started + self.script.prefill + self.stream.completion_tokens / self.script.rate
        return min(next_piece, self.deadline)


class ScriptedModel(TextEngine):
    """A `TextEngine` without a model. Given `tokens` it always answers with them; else the prompt decides.

    `fail_every=5` in the prompts fails each fifth of the answers that asked for it, half-way.
    """

    def __init__(
        self, *, tokens: Sequence[str] | None = None, rate: float = 30.0, prefill: float = 0.0, slots: int = 1024
    ) -> None:
        self._tokens = tokens
        self._rate = rate
        self._prefill = prefill
        self._slots = slots
        # Guards all below and wakes the engine thread.
        self._changed = threading.Condition()
        self._waiting: deque[_Answer] = deque()
        self._running: list[tuple[float, int, _Answer]] = []
        self._order = itertools.count()
        self._asked_to_fail = 0
        self._is_woken = False
        self._looked = 0.0
        self._steps = self._prompt_tokens = self._completion_tokens = self._failed = 0
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="scripted-model", daemon=True)
        self._thread.start()

    def submit(
        self,
        prompt: str | Sequence[int],
        *,
        max_tokens: int,
        sampling: Mapping[str, object] | None = None,
        stop: Sequence[str] = (),
        cache_scope: str = "",
        time_limit: float | None = None,
    ) -> Stream:
        del cache_scope  # nothing is cached
        parse_sampling(sampling)
        if max_tokens < 1:
            raise SamplingError("max_tokens is at least 1.")
        deadline = deadline_after(time_limit)
        text = prompt if isinstance(prompt, str) else ""
        script = self._script(text)
        stream = Stream(prompt_tokens=self.count_tokens(text), on_cancel=self._wake)
        with self._changed:
            if self._closing:
                raise EngineError("The engine is closed.")
            self._asked_to_fail += bool(script.fail_every)
            fails = bool(script.fail_every) and self._asked_to_fail % script.fail_every == 0
            self._waiting.append(_Answer(stream, script, AnswerText(parse_stop(stop)), max_tokens, fails, deadline))
            self._changed.notify()
        return stream

    def render_chat(self, messages: Sequence[ChatMessage]) -> str:
        return json.dumps(list(messages), ensure_ascii=False)

    def count_tokens(self, text: str) -> int:
        return -(-len(text) // _CHARACTERS_PER_TOKEN)

    def stats(self) -> EngineStats:
        with self._changed:
            return EngineStats(
                slots_total=self._slots,
                slots_busy=len(self._running),
                waiting=len(self._waiting),
                cached_tokens=0,
                steps=self._steps,
                prompt_tokens=self._prompt_tokens,
                completion_tokens=self._completion_tokens,
                failed_requests=self._failed,
            )

    def close(self) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _script(self, prompt: str) -> Script:
        if self._tokens is not None:
            return Script(self._tokens, rate=self._rate, prefill=self._prefill)
        system, question = split_prompt(prompt)
        return parse_script(question, system=system, rate=self._rate, prefill=self._prefill)

    def _wake(self) -> None:
        with self._changed:
            self._is_woken = True
            self._changed.notify()

    def _run(self) -> None:
        with self._changed:
            while not self._closing:
                self._step()
                if self._running:
                    due = min([self._running[0][0], *(answer.deadline for answer in self._waiting)])
                    self._changed.wait(max(due - time.monotonic(), _SHORTEST_WAIT_SECONDS))
                elif not self._waiting:
                    self._changed.wait()
            for answer in [*self._waiting, *(answer for _due, _order, answer in self._running)]:
                answer.stream.finish("cancelled")
            self._waiting.clear()
            self._running.clear()

    def _step(self) -> None:
        now = time.monotonic()
        if self._is_woken or now - self._looked >= _LOOK_SECONDS:
            self._is_woken, self._looked = False, now
            self._drop_ended()
        while self._waiting and len(self._running) < self._slots:
            answer = self._waiting.popleft()
            answer.started = now
            self._push(answer)
        self._steps += bool(self._running)
        while self._running and self._running[0][0] <= now:
            answer = heapq.heappop(self._running)[2]
            if self._end_if_forced(answer):
                continue
            reason = self._write(answer)
            if reason is None:
                self._push(answer)
            else:
                error = EngineError("The script asked this answer to fail.") if reason == "error" else None
                self._finish(answer, reason, error=error)

    def _push(self, answer: _Answer) -> None:
        heapq.heappush(self._running, (answer.due(), next(self._order), answer))

    def _drop_ended(self) -> None:
        self._waiting = deque(answer for answer in self._waiting if not self._end_if_forced(answer))
        self._running = [entry for entry in self._running if not self._end_if_forced(entry[2])]
        heapq.heapify(self._running)

    def _end_if_forced(self, answer: _Answer) -> bool:
        end = forced_end(answer.stream, deadline=answer.deadline, now=time.monotonic())
        if end is not None:
            self._finish(answer, end[0], error=end[1])
        return end is not None

    def _write(self, answer: _Answer) -> FinishReason | None:
        """Write the next piece; a reason when the answer has ended."""
        stream = answer.stream
        if not stream.tokens_read:
            stream.tokens_read = stream.usage.prompt_tokens
            self._prompt_tokens += stream.tokens_read
        if answer.fails and stream.completion_tokens >= len(answer.script.pieces) // 2:
            return "error"
        piece = next(answer.pieces, None)
        if piece is None:
            return "stop"
        if answer.script.stamped:
            piece = piece.replace(" ", stamp(), 1)
        stream.completion_tokens += 1
        self._completion_tokens += 1
        stream.write(answer.text.push(piece.encode()))
        if answer.text.stopped:
            return "stop"
        return "length" if stream.completion_tokens >= answer.max_tokens else None

    def _finish(self, answer: _Answer, reason: FinishReason, *, error: EngineError | None = None) -> None:
        self._failed += reason == "error"
        answer.stream.write(answer.text.flush())
        answer.stream.finish(reason, error=error)
