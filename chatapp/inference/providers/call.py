"""One answer under way at a provider: its text, its time limits, and the way to end it from any thread."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from chatapp.inference.engine.errors import EngineError
from chatapp.inference.engine.stream import FinishReason, Stream, Usage
from chatapp.inference.engine.text import AnswerText
from chatapp.inference.providers.backend import Delta, Question
from chatapp.inference.providers.errors import ProviderError
from chatapp.inference.providers.options import RequestOptions
from chatapp.inference.providers.upstream import Connection

# A token has about four characters. An upstream that ignores the limit of tokens is cut where no real answer gets.
_CHARACTERS_PER_TOKEN = 16
_SPARE_CHARACTERS = 1_000
# What a provider may add to the prompt, a JSON schema say, and write beside the answer, in tokens.
_SPARE_PROMPT, _SPARE_TOKENS = 10_000, 1_000
# What may follow the end of an answer is its count of tokens; nobody is to wait long for that.
_AFTER_END_SECONDS = 5.0
# They break terminals and logs, and one of them marks encrypted text in the database.
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x9f]")


class CallEndedError(Exception):
    """The answer has ended while its thread was at work: nobody waits for the rest."""


class Call:
    """A thread of its own drives it; the watchdog and whoever cancels may end it at any time.

    `ended` is set exactly once, by whichever comes first.
    """

    def __init__(self, question: Question, options: RequestOptions, *, prompt_tokens: int, seconds: float) -> None:
        now = time.monotonic()
        self.question = question
        self.options = options
        self.stream = Stream(prompt_tokens=prompt_tokens, on_cancel=self.cancel)
        self.ended = threading.Event()
        self.started = False
        self.has_text = False
        self.bytes_received = 0
        self.text_deadline = now + min(options.wait_seconds, seconds)
        self._whole_deadline = now + seconds
        self._text = AnswerText(question.stop)
        self._characters = 0
        # Guards all below against the watchdog.
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._silence_deadline: float | None = None
        self._timed_out: ProviderError | None = None

    def cancel(self) -> None:
        self.end("cancelled")

    def end(self, reason: FinishReason, error: EngineError | None = None) -> None:
        """From any thread: the reader gets the end, and the connection that is in use is closed."""
        with self._lock:
            if self.ended.is_set():
                return
            self.ended.set()
        self.stream.finish(reason, error=error)
        self.disconnect()

    def disconnect(self) -> None:
        """Whatever its thread still reads, it stops."""
        with self._lock:
            connection = self._connection
        if connection is not None:
            connection.transport.abort()

    def complete(self, reason: FinishReason) -> None:
        """From its own thread, which is free to go on reading: the answer is whole."""
        with self._lock:
            if self.ended.is_set():
                raise CallEndedError
            self.ended.set()
        # What was held back as the possible beginning of a stop string is none.
        self.stream.write(self._text.flush())
        self.stream.finish(reason)

    def seconds_for_text(self) -> float:
        """How long this answer may still wait for its first text."""
        return self.text_deadline - time.monotonic()

    def pause(self, seconds: float) -> None:
        """Raises `CallEndedError` as soon as the answer has ended."""
        if self.ended.wait(seconds):
            raise CallEndedError

    @contextmanager
    def using(self, connection: Connection) -> Iterator[None]:
        """One try: whatever the connection raises because the watchdog or a cancel closed it becomes the reason."""
        with self._lock:
            if self.ended.is_set():
                raise CallEndedError
            self._connection, self._timed_out = connection, None
            self._silence_deadline = time.monotonic() + self.options.first_token_seconds
        try:
            yield
        except Exception:
            if self.ended.is_set():
                raise CallEndedError from None
            if self._timed_out is not None:
                raise self._timed_out from None
            raise
        finally:
            with self._lock:
                self._connection = self._silence_deadline = None

    def take(self, delta: Delta) -> FinishReason | None:
        """Move what has arrived to the stream; a reason when the answer has ended with it."""
        if self.ended.is_set():
            raise CallEndedError
        if delta.usage is not None and self._can_be(delta.usage):
            self.stream.report_usage(delta.usage)
        if delta.text or delta.is_thinking or delta.finish_reason:
            seconds = _AFTER_END_SECONDS if delta.finish_reason else self.options.inter_token_seconds
            with self._lock:
                self._silence_deadline = time.monotonic() + seconds
        return self._take_text(delta.text) or delta.finish_reason if delta.text else delta.finish_reason

    def _can_be(self, usage: Usage) -> bool:
        """A token has a byte at least. Who says more is not believed: people's budgets and limits are charged by it."""
        read = sum(len(message["content"].encode("utf-8", "replace")) for message in self.question.messages)
        written = 2 * self.question.max_tokens + _SPARE_TOKENS
        return usage.prompt_tokens <= read + _SPARE_PROMPT and usage.completion_tokens <= written

    def _take_text(self, received: str) -> FinishReason | None:
        self.has_text = True
        self.stream.tokens_read = self.stream.usage.prompt_tokens
        self.stream.completion_tokens += 1
        left = self.question.max_tokens * _CHARACTERS_PER_TOKEN + _SPARE_CHARACTERS - self._characters
        self._characters += len(received)
        data = _CONTROLS.sub("", received[:left]).encode("utf-8", "replace")
        self.bytes_received += len(data)
        self.stream.write(self._text.push(data))
        if self._text.stopped:
            return "stop"
        return "length" if len(received) > left else None

    def check_time(self, now: float) -> None:
        """Called by the watchdog a few times a second. Waiting within the limits counts as progress."""
        if self._is_silent_too_long(now):
            return
        if now >= self._whole_deadline:
            self._end_late()
        elif not self.has_text and now >= self.text_deadline:
            self.end("error", self._too_late())
        else:
            self.stream.beat()

    def _is_silent_too_long(self, now: float) -> bool:
        with self._lock:
            if self._connection is None or self._silence_deadline is None or now < self._silence_deadline:
                return False
            limit = self.options.inter_token_seconds if self.has_text else self.options.first_token_seconds
            self._timed_out = ProviderError(f"The provider sent nothing for {limit:g} s.", retryable=True)
        self.disconnect()
        return True

    def _end_late(self) -> None:
        if self.has_text:
            self.end("length")
        else:
            self.end("error", self._too_late())

    def _too_late(self) -> ProviderError:
        return ProviderError(
            "The provider gave no text in the time there was."
            if self.started
            else "All places of the provider are taken.",
            retryable=True,
        )
