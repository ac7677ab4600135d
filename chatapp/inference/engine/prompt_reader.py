"""From prompts to tokens that fit the context, in any thread."""

import threading
from collections.abc import Callable, Sequence

from chatapp.inference.engine.errors import EngineError, PromptTooLongError, RequestError
from chatapp.inference.engine.model import Model

# Far above what text needs; it keeps absurd prompts away from the tokenizer.
_MAX_BYTES_PER_TOKEN = 64


class PromptReader:
    """Owns the model's end: it is freed when nobody tokenizes. What comes later is refused with `closed_error`."""

    def __init__(self, model: Model, *, context_tokens: int, closed_error: Callable[[], EngineError]) -> None:
        self._model = model
        self._context_tokens = context_tokens
        self._closed_error = closed_error
        self._lock = threading.Lock()

    def read_prompt(self, prompt: str | Sequence[int]) -> list[int]:
        tokens = self.tokenize(prompt) if isinstance(prompt, str) else self._checked(prompt)
        if not tokens:
            raise RequestError("The prompt is empty.")
        if len(tokens) >= self._context_tokens:
            raise PromptTooLongError(tokens=len(tokens), limit=self._context_tokens - 1)
        return tokens

    def tokenize(self, text: str) -> list[int]:
        if len(text) > self._context_tokens * _MAX_BYTES_PER_TOKEN:
            raise PromptTooLongError(tokens=len(text) // _MAX_BYTES_PER_TOKEN, limit=self._context_tokens - 1)
        with self._lock:
            self._refuse_when_closed()
            return self._model.tokenize(text)

    def prepare_grammars(self) -> None:
        """Takes a second the first time, which the engine thread has not."""
        with self._lock:
            self._refuse_when_closed()
            self._model.grammar_tokenizer()

    def close(self) -> None:
        with self._lock:
            self._model.free()

    def _checked(self, tokens: Sequence[int]) -> list[int]:
        if not all(0 <= token < self._model.vocabulary_size for token in tokens):
            raise RequestError("The prompt holds a token that the model does not know.")
        return list(tokens)

    def _refuse_when_closed(self) -> None:
        if self._model.handle is None:
            raise self._closed_error()
