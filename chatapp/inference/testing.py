"""A model that streams what its prompt asks for, at a steady rate: for tests of load, faults and streaming."""

import heapq
import itertools
import json
import re
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

_TOKENS_PER_PARAGRAPH = 40
_MAX_TOKENS = 100_000
_MAX_RATE = 10_000.0
_SHORTEST_WAIT_SECONDS = 0.005
_LOOK_SECONDS = 0.05
_CHARACTERS_PER_TOKEN = 4
_OPTION = re.compile(r"\b(rate|tokens|prefill|fail_every|stamps|markdown)=(\d{1,6}(?:\.\d{1,6})?)")
_LETTERS = str.maketrans("0123456789", "abcdefghij")
_WORD = re.compile(r"\s*\S{1,7}\n*")  # About as long as a tokenizer's pieces of English and Markdown.
_QUESTION = re.compile(r"^Question:[ \t]*", re.MULTILINE)
_MARKDOWN = """\
## What to do

Carry over at most **five** days, and tell your team lead before the end of the year. Half days (`0.5`) count.

- Ask in the portal, under *Time off*.
- Wait for the answer, which takes two working days.
- Enter the days as soon as they are granted.

| grade | days | carried over |
|---|---:|---:|
| junior | 25 | 5 |
| senior | 28 | 5 |
| lead | 30 | 8 |

```python
def remaining(granted: float, taken: float) -> float:
    # Never below zero: what was taken too much is settled in the next year.
    return max(0.0, granted - taken)
```

Whoever works part-time has the same share of the year: three days a week give three fifths of the days above.

"""


@dataclass(frozen=True)
class Script:
    """What one answer will be. `rate` is in pieces a second; `prefill` in seconds before the first one.

    `stamped`: each piece tells when it was written, see `_stamp`.
    """

    pieces: Sequence[str]
    rate: float = 30.0
    prefill: float = 0.0
    fail_every: int = 0
    stamped: bool = False


def parse_script(question: str, *, rate: float = 30.0, prefill: float = 0.0) -> Script:
    """Read `rate=30 tokens=500 prefill=0.5 fail_every=5` and `say: TEXT`, all optional, from a question.

    `markdown=1` makes the tokens those of a text with lists, tables and code, `stamps=1` those of `Script.stamped`.
    """
    settings, say, text = question.partition("say:")
    options = {name: float(value) for name, value in _OPTION.findall(settings)}
    count = min(int(options.get("tokens", 60)), _MAX_TOKENS)
    return Script(
        pieces=_pieces(text.removeprefix(" ") if say else None, count, is_markdown=bool(options.get("markdown"))),
        rate=min(options.get("rate") or rate, _MAX_RATE),
        prefill=options.get("prefill", prefill),
        fail_every=int(options.get("fail_every", 0)),
        stamped=bool(options.get("stamps")) and not say,
    )


def _pieces(say: str | None, count: int, *, is_markdown: bool) -> list[str]:
    if say is not None:
        return _small_pieces(say)
    if is_markdown:
        return list(itertools.islice(itertools.cycle(_WORD.findall(_MARKDOWN)), count))
    return [_numbered(number) for number in range(count)]


def _numbered(number: int) -> str:
    ends_paragraph = (number + 1) % _TOKENS_PER_PARAGRAPH == 0
    return f"t{number:06} " + ("\n\n" if ends_paragraph else "")


def _stamp() -> str:
    """Milliseconds since 1970 in letters a to j: a row of digits would be held back, as it may be personal data."""
    return f"{time.time() * 1000:.0f} ".translate(_LETTERS)


def _small_pieces(text: str) -> list[str]:
    pieces: list[str] = []
    start = 0
    for length in itertools.cycle((1, 2, 3)):
        if start >= len(text):
            return pieces
        pieces.append(text[start : start + length])
        start += length
    return pieces


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
    """A `TextEngine` without a model. Given `tokens` it always answers with them; else the last user message decides.

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
        return parse_script(_last_question(prompt), rate=self._rate, prefill=self._prefill)

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
            piece = piece.replace(" ", _stamp(), 1)
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


def _last_question(prompt: str) -> str:
    """The last user message of a rendered chat, or the prompt itself; of it, what follows the last `Question:`."""
    try:
        messages = json.loads(prompt)
        text = [str(message["content"]) for message in messages if message["role"] == "user"][-1]
    except (ValueError, TypeError, KeyError, IndexError):
        text = prompt
    return _QUESTION.split(text)[-1].strip()
