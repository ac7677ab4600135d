"""A local text engine: continuous batching over llama.cpp, several answers at a time from one context.

Imports without Django settings, and imports llama.cpp only when an `Engine` is asked for.
"""

from typing import TYPE_CHECKING, Any

from chatapp.inference.engine.errors import (
    ChatTemplateError,
    EngineError,
    OptionsError,
    PromptTooLongError,
    RequestError,
    SamplingError,
)
from chatapp.inference.engine.options import Adapter, EngineOptions, parse_options
from chatapp.inference.engine.stream import FinishReason, Stream, Usage
from chatapp.inference.engine.types import ChatMessage, ChatModel, EngineStats, StepReport, TextEngine

if TYPE_CHECKING:
    from chatapp.inference.engine.engine import Engine

__all__ = [
    "Adapter",
    "ChatMessage",
    "ChatModel",
    "ChatTemplateError",
    "Engine",
    "EngineError",
    "EngineOptions",
    "EngineStats",
    "FinishReason",
    "OptionsError",
    "PromptTooLongError",
    "RequestError",
    "SamplingError",
    "StepReport",
    "Stream",
    "TextEngine",
    "Usage",
    "parse_options",
]


def __getattr__(name: str) -> Any:
    # The web process reads the types and errors; llama_cpp is for workers only.
    if name == "Engine":
        from chatapp.inference.engine.engine import Engine

        return Engine
    raise AttributeError(name)
