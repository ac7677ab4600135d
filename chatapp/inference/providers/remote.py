"""A model elsewhere as a `ChatModel`: one thread for each answer, a watchdog for time, tries until the first text."""

import itertools
import math
import random
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import structlog

from chatapp.inference.engine.errors import EngineError, RequestError
from chatapp.inference.engine.sampling import parse_sampling, parse_stop
from chatapp.inference.engine.stream import FinishReason, Stream, Usage
from chatapp.inference.engine.types import ChatMessage, EngineStats
from chatapp.inference.providers.backend import Backend, Question
from chatapp.inference.providers.call import Call, CallEndedError
from chatapp.inference.providers.errors import ProviderError
from chatapp.inference.providers.options import RequestOptions
from chatapp.inference.providers.pool import UpstreamPool
from chatapp.inference.providers.rates import Rates
from chatapp.inference.providers.upstream import Connection

# Text of most languages has more bytes than this per token, so the estimate is on the safe side.
_BYTES_PER_TOKEN = 3
_TOKENS_PER_MESSAGE = 4
_WATCH_SECONDS = 0.1
_FIRST_BACKOFF_SECONDS = 0.5
_LONGEST_BACKOFF_SECONDS = 8.0
log = structlog.get_logger(__name__)


class RemoteModel:
    """Thread-safe. `name` is the version's, for the log."""

    def __init__(
        self, *, name: str, backend: Backend, pool: UpstreamPool, rates: Rates, options: RequestOptions
    ) -> None:
        self._name = name
        self._backend = backend
        self._pool = pool
        self._rates = rates
        self._options = options
        self._threads = ThreadPoolExecutor(options.concurrency, thread_name_prefix="provider")
        # Guards all below and wakes the watchdog.
        self._changed = threading.Condition()
        self._calls: set[Call] = set()
        self._answers = self._failed = self._prompt_tokens = self._completion_tokens = 0
        self._closing = False
        self._watchdog = threading.Thread(target=self._watch, name="provider-watchdog", daemon=True)
        self._watchdog.start()

    def chat(
        self,
        messages: Sequence[ChatMessage],
        *,
        max_tokens: int,
        sampling: Mapping[str, object] | None = None,
        stop: Sequence[str] = (),
        cache_scope: str = "",
        time_limit: float | None = None,
    ) -> Stream:
        if max_tokens < 1:
            raise RequestError("max_tokens is at least 1.")
        parse_sampling(sampling)
        asked = {name: value for name, value in (sampling or {}).items() if value is not None}
        self._backend.check_sampling(asked)
        question = Question(messages, max_tokens, asked, parse_stop(stop), cache_scope)
        tokens = sum(self.count_tokens(message["content"]) + _TOKENS_PER_MESSAGE for message in messages)
        seconds = min(self._options.answer_seconds, math.inf if time_limit is None else time_limit)
        call = Call(question, self._options, prompt_tokens=tokens, seconds=seconds)
        with self._changed:
            if self._closing:
                raise EngineError("The provider's client is closed.")
            self._calls.add(call)
            self._changed.notify()
            self._threads.submit(self._answer, call)
        return call.stream

    def count_tokens(self, text: str) -> int:
        return -(-len(text.encode("utf-8", "replace")) // _BYTES_PER_TOKEN)

    def stats(self) -> EngineStats:
        with self._changed:
            busy = sum(call.started for call in self._calls)
            return EngineStats(
                slots_total=self._options.concurrency,
                slots_busy=busy,
                waiting=len(self._calls) - busy,
                cached_tokens=0,
                steps=self._answers,
                prompt_tokens=self._prompt_tokens,
                completion_tokens=self._completion_tokens,
                failed_requests=self._failed,
            )

    def close(self) -> None:
        with self._changed:
            self._closing = True
            calls = list(self._calls)
            self._changed.notify()
        for call in calls:
            call.cancel()
            call.disconnect()  # Also of one that is whole and only reads to the end.
        self._threads.shutdown()
        self._watchdog.join()
        self._pool.close()

    def _watch(self) -> None:
        """Every call is looked at a few times a second, so that none outlives its limits by much."""
        while True:
            with self._changed:
                while not (self._calls or self._closing):
                    self._changed.wait()
                if self._closing:
                    return
                calls = list(self._calls)
            now = time.monotonic()
            for call in calls:
                call.check_time(now)
            time.sleep(_WATCH_SECONDS)

    def _answer(self, call: Call) -> None:
        call.started = True
        try:
            self._try_until_text(call)
        except CallEndedError:
            pass
        except EngineError as error:
            log.warning("provider_failed", version=self._name, reason=str(error), text=call.has_text)
            call.end("error", error)
        except Exception as error:
            log.exception("provider_broke", version=self._name)
            call.end("error", ProviderError(f"The provider's client failed: {type(error).__name__}.", retryable=False))
        finally:
            self._forget(call)

    def _forget(self, call: Call) -> None:
        usage = call.stream.usage
        with self._changed:
            self._calls.discard(call)
            self._answers += 1
            self._failed += call.stream.finish_reason == "error"
            self._prompt_tokens += usage.prompt_tokens if call.has_text else 0
            self._completion_tokens += usage.completion_tokens

    def _try_until_text(self, call: Call) -> None:
        """Nothing is repeated once text has come: what was shown cannot be taken back."""
        avoid: set[str] = set()
        for attempt in itertools.count():
            if call.ended.is_set():
                return
            self._rates.wait(call)
            try:
                with self._pool.borrow(avoid=avoid) as connection, call.using(connection):
                    self._ask(call, connection)
                return  # noqa: TRY300 - the way out of the loop
            except ProviderError as error:
                pause = _backoff(attempt, error.retry_after)
                is_last = attempt >= self._options.max_retries or pause >= call.seconds_for_text()
                if call.has_text or not error.retryable or is_last:
                    raise
                log.info("provider_retry", version=self._name, attempt=attempt + 1, reason=str(error))
                call.pause(pause)

    def _ask(self, call: Call, connection: Connection) -> None:
        deltas = self._backend.ask(connection, call.question)
        reason: FinishReason | None = None
        has_usage = False
        try:
            for delta in deltas:
                has_usage = has_usage or delta.usage is not None
                ended = call.take(delta)
                reason = reason or ended
                if ended is not None and ended != delta.finish_reason:
                    connection.transport.abort()  # It goes on, we do not: a stop string, or too much text.
                    break
                if reason is not None and has_usage:
                    break
        except ProviderError as error:
            if reason is None:
                raise
            # The answer is whole; only its count of tokens is missing.
            log.info("provider_end_missing", version=self._name, reason=str(error))
            connection.transport.abort()
        if reason is None:
            raise ProviderError("The provider's answer broke off.", retryable=True)
        if not has_usage:
            self._estimate_usage(call)
        call.complete(reason)
        # To the end, so that the connection can be kept; nobody waits for it.
        for _ in deltas:
            pass

    def _estimate_usage(self, call: Call) -> None:
        completion = -(-call.bytes_received // _BYTES_PER_TOKEN)
        call.stream.report_usage(Usage(call.stream.usage.prompt_tokens, completion, 0))


def _backoff(attempt: int, retry_after: float | None) -> float:
    """Jitter over the whole interval, so that workers that failed together do not come back together."""
    longest = min(_LONGEST_BACKOFF_SECONDS, _FIRST_BACKOFF_SECONDS * 2**attempt)
    jittered = random.uniform(longest / 2, longest)  # noqa: S311 - no secret
    return max(jittered, retry_after or 0.0)
