from chatapp.errors import ChatappError


class EngineError(ChatappError):
    """The engine cannot do what was asked. `str()` is the reason; `message` is what a user may be told."""

    def __init__(self, reason: str) -> None:
        super().__init__("model_unavailable")
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class RequestError(EngineError):
    """The request itself is wrong, so another try or another model version would not help."""

    def __init__(self, reason: str) -> None:
        ChatappError.__init__(self, "invalid", detail=reason)
        self.reason = reason


class SamplingError(RequestError):
    """A sampling parameter is unknown or out of its range."""


class PromptTooLongError(RequestError):
    """The prompt does not fit the context. `tokens` may be a lower bound; `limit` is what fits."""

    def __init__(self, *, tokens: int, limit: int) -> None:
        super().__init__(f"The prompt has {tokens:,} tokens; the model reads {limit:,} at most.")
        self.tokens = tokens
        self.limit = limit


class ChatTemplateError(EngineError):
    """The model's chat template is missing, broken, or tried to leave its sandbox."""


class OptionsError(EngineError):
    """An engine option is unknown, out of its range, or excluded by another one."""

    def __init__(self, reason: str) -> None:
        ChatappError.__init__(self, "invalid", detail=reason)
        self.reason = reason
