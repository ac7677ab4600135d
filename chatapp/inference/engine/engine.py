import atexit
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from chatapp.inference.engine.assembly import assemble
from chatapp.inference.engine.errors import (
    ChatTemplateError,
    EngineError,
    PromptTooLongError,
    SamplingError,
)
from chatapp.inference.engine.options import EngineOptions
from chatapp.inference.engine.prompt_reader import PromptReader
from chatapp.inference.engine.requests import Request, deadline_after
from chatapp.inference.engine.sampling import parse_sampling, parse_stop
from chatapp.inference.engine.stream import Stream
from chatapp.inference.engine.text import AnswerText
from chatapp.inference.engine.types import ChatMessage, EngineStats, StepReport, TextEngine

_PREFIXES = 4
_PREFIX_TOKENS = 2048

_logger = logging.getLogger("chatapp.inference.engine")


class Engine(TextEngine):
    """A GGUF that answers several prompts at a time; see `TextEngine`.

    `context_per_slot` tokens hold a prompt and its answer. `cache_tokens` is the size of the KV cache, by default
    enough for every slot to be full; with less, requests wait for room. `on_step` runs on the engine thread; once it
    raises it is logged and not called again.
    Raises `EngineError` when the file is damaged or the model cannot be loaded.
    """

    def __init__(
        self,
        model_path: str | Path,
        *,
        slots: int,
        context_per_slot: int,
        gpu_layers: int = -1,
        threads: int | None = None,
        on_step: Callable[[StepReport], None] | None = None,
        cache_tokens: int | None = None,
        options: EngineOptions | None = None,
    ) -> None:
        parts = assemble(
            Path(model_path),
            slots=slots,
            context_per_slot=context_per_slot,
            gpu_layers=gpu_layers,
            threads=threads,
            cache_tokens=cache_tokens,
            options=options or EngineOptions(),
        )
        self._model, self._template = parts.model, parts.template
        self._context, self._scheduler = parts.context, parts.scheduler
        self._context_per_slot = context_per_slot
        self._prefix_tokens_left = min(_PREFIX_TOKENS, context_per_slot)
        self._on_step = on_step
        # Guards the fields below and wakes the engine thread.
        self._changed = threading.Condition()
        self._incoming: list[Request] = []
        self._closing = False
        self._failure: EngineError | None = None
        self._prefixes: set[str] = set()
        self._reader = PromptReader(parts.model, context_tokens=context_per_slot, closed_error=self._closed_error)
        # A daemon, so that the interpreter reaches `atexit`, where the engine is closed in order.
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()
        atexit.register(self.close)

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
        checked = parse_sampling(sampling)
        text = AnswerText(parse_stop(stop))
        if max_tokens < 1:
            raise SamplingError("max_tokens is at least 1.")
        deadline = deadline_after(time_limit)
        tokens = self._reader.read_prompt(prompt)
        if checked.constraint:
            self._reader.prepare_grammars()
        request = Request(
            tokens=tokens,
            scope=cache_scope,
            stream=Stream(prompt_tokens=len(tokens)),
            max_completion=min(max_tokens, self._context_per_slot - len(tokens)),
            sampling=checked,
            text=text,
            deadline=deadline,
        )
        self._enqueue(request)
        return request.stream

    def share_prefix(self, text: str) -> None:
        """Read a text that holds no user's data, such as a system prompt, once for the prompts of all scopes.

        Returns at once. A few such texts are kept; one that does not fit is refused with `PromptTooLongError`.
        """
        with self._changed:
            if text in self._prefixes:
                return
        tokens = self._reader.tokenize(text)
        with self._changed:
            if len(tokens) > self._prefix_tokens_left or len(self._prefixes) == _PREFIXES:
                raise PromptTooLongError(tokens=len(tokens), limit=self._prefix_tokens_left)
            self._prefix_tokens_left -= len(tokens)
            self._prefixes.add(text)
        self._enqueue(Request(tokens=tokens, scope="", stream=Stream(prompt_tokens=len(tokens)), is_prefix=True))

    def render_chat(self, messages: Sequence[ChatMessage]) -> str:
        if self._template is None:
            raise ChatTemplateError("This model has no chat template.")
        return self._template.render(messages)

    def count_tokens(self, text: str) -> int:
        return len(self._reader.tokenize(text))

    def stats(self) -> EngineStats:
        slots = self._scheduler.slots
        with self._changed:
            waiting = len(self._incoming) + len(self._scheduler.waiting)
        return EngineStats(
            slots_total=len(slots),
            slots_busy=sum(slot.request is not None for slot in slots),
            waiting=waiting,
            cached_tokens=slots.cached_tokens(),
            **asdict(self._scheduler.counters),
        )

    @property
    def failure(self) -> EngineError | None:
        """Why this engine has stopped for good, if it has. It does not recover; make another one."""
        return self._failure

    @property
    def template_sha256(self) -> str:
        """Of the chat template in use, for whoever approves it; "" without one."""
        return self._template.sha256 if self._template else ""

    def close(self) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()
        atexit.unregister(self.close)

    def _enqueue(self, request: Request) -> None:
        with self._changed:
            if self._closing or self._failure:
                raise self._closed_error()
            self._incoming.append(request)
            self._changed.notify()

    def _closed_error(self) -> EngineError:
        return self._failure or EngineError("The engine is closed.")

    def _run(self) -> None:
        try:
            while self._take_incoming():
                report = self._scheduler.step()
                if report is not None:
                    self._tell(report)
        except Exception as error:
            _logger.exception("engine failed")
            failure = error if isinstance(error, EngineError) else EngineError(f"The engine failed: {error!r}.")
            with self._changed:
                self._failure = failure
        finally:
            self._end()

    def _tell(self, report: StepReport) -> None:
        """Whoever watches the steps must not be able to stop them."""
        if self._on_step is None:
            return
        try:
            self._on_step(report)
        except Exception:
            _logger.exception("on_step failed and is not called again")
            self._on_step = None

    def _take_incoming(self) -> bool:
        """Hand new requests to the scheduler, waiting for one when there is nothing to do; False on close."""
        with self._changed:
            while not (self._closing or self._incoming or self._scheduler.has_work()):
                self._changed.wait()
            for request in self._incoming:
                self._scheduler.add(request)
            self._incoming.clear()
            return not self._closing

    def _end(self) -> None:
        with self._changed:
            self._closing = True
            for request in self._incoming:
                self._scheduler.add(request)
            self._incoming.clear()
        self._scheduler.end_all("error" if self._failure else "cancelled", error=self._failure)
        if self._template is not None:
            self._template.close()
        self._context.free()
        self._reader.close()
