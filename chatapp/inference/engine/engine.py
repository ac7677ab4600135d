import atexit
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from chatapp.inference.engine.context import Context
from chatapp.inference.engine.cpus import default_threads
from chatapp.inference.engine.drafts import Drafts
from chatapp.inference.engine.errors import (
    ChatTemplateError,
    EngineError,
    PromptTooLongError,
    RequestError,
    SamplingError,
)
from chatapp.inference.engine.model import Model
from chatapp.inference.engine.options import EngineOptions
from chatapp.inference.engine.requests import Request, deadline_after
from chatapp.inference.engine.sampling import parse_sampling, parse_stop
from chatapp.inference.engine.scheduler import Scheduler
from chatapp.inference.engine.slots import Slots
from chatapp.inference.engine.stream import Stream
from chatapp.inference.engine.template import ChatTemplate
from chatapp.inference.engine.text import AnswerText
from chatapp.inference.engine.types import ChatMessage, EngineStats, StepReport

_BATCH_ON_CPU = 512
_BATCH_ON_GPU = 2048
_PREFIXES = 4
# How many answers one batch can check long drafts of.
_MOST_DRAFTING = 4
_PREFIX_TOKENS = 2048
# Far above what text needs; it keeps absurd prompts away from the tokenizer.
_MAX_BYTES_PER_TOKEN = 64

_logger = logging.getLogger("chatapp.inference.engine")


class Engine:
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
        options = options or EngineOptions()
        self._context_per_slot = context_per_slot
        self._prefix_tokens_left = min(_PREFIX_TOKENS, context_per_slot)
        cells = cache_tokens or slots * context_per_slot
        self._model = Model(Path(model_path), gpu_layers=gpu_layers, options=options)
        try:
            _check_sizes(self._model, slots=slots, context_per_slot=context_per_slot, cells=cells)
            self._template = _load_template(self._model)
            batch_size = max(_BATCH_ON_GPU if self._model.on_gpu else _BATCH_ON_CPU, 2 * slots)
            # Refused drafts must be taken back.
            draft_tokens = options.draft_tokens if self._model.can_rewind else 0
            draft_room = draft_tokens * min(slots, _MOST_DRAFTING)
            self._context = Context(
                self._model,
                cells=cells,
                sequences=slots,
                outputs=slots + draft_room,
                shares_cells=cache_tokens is not None,
                batch_size=batch_size,
                threads=threads or default_threads(),
                options=options,
            )
        except EngineError:
            self._model.free()
            raise
        pool = Slots(self._context, count=slots, can_rewind=self._model.can_rewind)
        self._scheduler = Scheduler(
            self._model,
            self._context,
            pool,
            batch_size=batch_size,
            drafts=Drafts(longest=draft_tokens, room=draft_room),
        )
        self._on_step = on_step
        # Guards the fields below and wakes the engine thread.
        self._changed = threading.Condition()
        self._incoming: list[Request] = []
        self._closing = False
        self._failure: EngineError | None = None
        self._prefixes: set[str] = set()
        # The tokenizer serves any thread as long as the model is loaded.
        self._tokenizer_lock = threading.Lock()
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
        tokens = self._tokenize(prompt) if isinstance(prompt, str) else self._checked_tokens(prompt)
        if not tokens:
            raise RequestError("The prompt is empty.")
        if len(tokens) >= self._context_per_slot:
            raise PromptTooLongError(tokens=len(tokens), limit=self._context_per_slot - 1)
        if checked.constraint:
            self._prepare_grammars()
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
        prompt = self.render_chat(messages)
        return self.submit(
            prompt,
            max_tokens=max_tokens,
            sampling=sampling,
            stop=stop,
            cache_scope=cache_scope,
            time_limit=time_limit,
        )

    def share_prefix(self, text: str) -> None:
        """Read a text that holds no user's data, such as a system prompt, once for the prompts of all scopes.

        Returns at once. A few such texts are kept; one that does not fit is refused with `PromptTooLongError`.
        """
        with self._changed:
            if text in self._prefixes:
                return
        tokens = self._tokenize(text)
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
        return len(self._tokenize(text))

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

    def _tokenize(self, text: str) -> list[int]:
        limit = self._context_per_slot * _MAX_BYTES_PER_TOKEN
        if len(text) > limit:
            raise PromptTooLongError(tokens=len(text) // _MAX_BYTES_PER_TOKEN, limit=self._context_per_slot - 1)
        with self._tokenizer_lock:
            if self._model.handle is None:
                raise self._closed_error()
            return self._model.tokenize(text)

    def _prepare_grammars(self) -> None:
        """Takes a second the first time, which the engine thread has not."""
        with self._tokenizer_lock:
            if self._model.handle is None:
                raise self._closed_error()
            self._model.grammar_tokenizer()

    def _checked_tokens(self, tokens: Sequence[int]) -> list[int]:
        if not all(0 <= token < self._model.vocabulary_size for token in tokens):
            raise RequestError("The prompt holds a token that the model does not know.")
        return list(tokens)

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
        with self._tokenizer_lock:
            self._model.free()


def _check_sizes(model: Model, *, slots: int, context_per_slot: int, cells: int) -> None:
    if slots < 1 or context_per_slot < 2 or cells < context_per_slot:
        raise EngineError("An engine needs at least one slot, and a cache that holds one slot's context.")
    if context_per_slot > model.trained_context:
        raise EngineError(
            f"context_per_slot is {context_per_slot:,}; the model knows {model.trained_context:,} tokens."
        )


def _load_template(model: Model) -> ChatTemplate | None:
    source = model.chat_template()
    if source is None:
        return None
    return ChatTemplate(source, control_texts=model.control_texts, bos=model.bos, eos=model.eos)
