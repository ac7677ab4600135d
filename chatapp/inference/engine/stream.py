import queue
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from chatapp.inference.engine.errors import EngineError

FinishReason = Literal["stop", "length", "cancelled", "error"]


@dataclass(frozen=True, slots=True)
class Usage:
    """`reused_tokens` is the part of `prompt_tokens` that was already computed."""

    prompt_tokens: int
    completion_tokens: int
    reused_tokens: int


class Stream:
    """One answer while it is written: the engine thread writes, one other thread reads."""

    def __init__(self, *, prompt_tokens: int, on_cancel: Callable[[], None] | None = None) -> None:
        self.finish_reason: FinishReason | None = None
        self.cancelled = False
        self.completion_tokens = 0
        self.reused_tokens = 0
        self.tokens_read = 0
        self._prompt_tokens = prompt_tokens
        self._beats = 0
        self._pieces: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._ended = False
        self._error: EngineError | None = None
        self._on_cancel = on_cancel

    def __iter__(self) -> Iterator[str]:
        while (piece := self.next_piece(None)) is not None:
            yield piece

    def next_piece(self, timeout: float | None) -> str | None:
        """The next text; "" when `timeout` seconds passed without any; None at the end.

        Raises `EngineError` at the end of an answer that failed, after the text that was written before.
        """
        if not self._ended:
            try:
                piece = self._pieces.get(timeout=timeout)
            except queue.Empty:
                return ""
            if piece is not None:
                return piece
            self._ended = True
        if self._error is not None:
            raise self._error
        return None

    def next_text(self, timeout: float | None) -> str | None:
        """As `next_piece`, but all pieces that wait at once."""
        piece = self.next_piece(timeout)
        if not piece:
            return piece
        taken = [piece]
        while not self._ended:
            try:
                following = self._pieces.get_nowait()
            except queue.Empty:
                break
            if following is None:
                self._ended = True
            else:
                taken.append(following)
        return "".join(taken)

    def cancel(self) -> None:
        """Ask the engine to stop; it does so within one decode step. Text already written stays readable."""
        if not self.cancelled:
            self.cancelled = True
            if self._on_cancel is not None:
                self._on_cancel()

    @property
    def usage(self) -> Usage:
        return Usage(self._prompt_tokens, self.completion_tokens, self.reused_tokens)

    @property
    def progress(self) -> int:
        """Grows with every prompt token read and every token written, so a standstill shows; see also `beat`."""
        return self.tokens_read + self.completion_tokens + self._beats

    def beat(self) -> None:
        """Engine's side, where the model is elsewhere: it is waited for, within a time limit of its own."""
        self._beats += 1

    def report_usage(self, usage: Usage) -> None:
        """Engine's side, where the model is elsewhere: what it counted, in place of what was estimated."""
        self._prompt_tokens, self.completion_tokens = usage.prompt_tokens, usage.completion_tokens
        self.reused_tokens = usage.reused_tokens

    def write(self, piece: str) -> None:
        """Engine's side."""
        if piece:
            self._pieces.put(piece)

    def finish(self, reason: FinishReason, *, error: EngineError | None = None) -> None:
        """Engine's side; only the first call counts."""
        if self.finish_reason is None:
            self._error = error
            self.finish_reason = reason
            self._pieces.put(None)
