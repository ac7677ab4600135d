from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypedDict

from chatapp.inference.engine.stream import Stream


class ChatMessage(TypedDict):
    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class StepReport:
    """One decode step. `decode_seconds` is llama.cpp's part, `seconds` the whole step.

    `drafted` tokens of the batch were guesses, of which `accepted` are what the model says itself.
    """

    batch_tokens: int
    prompt_tokens: int
    seconds: float
    decode_seconds: float
    slots_busy: int
    waiting: int
    drafted: int = 0
    accepted: int = 0


@dataclass(frozen=True, slots=True)
class EngineStats:
    """Counters grow from the start of the engine; the others are of this moment."""

    slots_total: int
    slots_busy: int
    waiting: int
    cached_tokens: int
    steps: int = 0
    last_step_seconds: float = 0.0
    last_batch_tokens: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prefix_reused_tokens: int = 0
    drafted_tokens: int = 0
    accepted_tokens: int = 0
    failed_requests: int = 0


class ChatModel(Protocol):
    """What answers chats, in this process or elsewhere. All methods may be called from any thread."""

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
        """Queue the answer to a conversation and return its stream at once; see `TextEngine.submit`.

        What goes wrong later, such as an upstream that does not answer, ends the stream with an `EngineError`.
        `time_limit` is in seconds from this call, for waiting, reading and writing together: the text so far ends
        with "length"; an answer without any ends with an `EngineError`.
        """

    def count_tokens(self, text: str) -> int:
        """Exact for a model of this process; elsewhere an estimate on the safe side."""

    def stats(self) -> EngineStats: ...

    def close(self) -> None:
        """Cancel what runs, free what is held and return when that is done."""


class TextEngine(ChatModel, Protocol):
    """What a worker needs of a model that it runs itself: to it a chat is a prompt."""

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
        """Queue a prompt and return its stream at once.

        `max_tokens` is cut to what the context leaves. Computed prompt tokens are reused only between requests of one
        `cache_scope` (an owner's id) and for text declared public.
        Raises `SamplingError`, `PromptTooLongError`, or `EngineError` when the engine has failed or is closed.
        """

    def render_chat(self, messages: Sequence[ChatMessage]) -> str:
        """The prompt text of a conversation, open for the assistant's answer."""

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
