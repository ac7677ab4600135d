"""Chat templates come inside model files from strangers, so they run in a sandbox with a limit of steps."""

import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from types import FrameType
from typing import Any, NoReturn

import jinja2
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from chatapp.inference.engine.errors import ChatTemplateError
from chatapp.inference.engine.types import ChatMessage

_MAX_STEPS = 200_000
_MAX_TEMPLATE_CHARACTERS = 100_000
# These make long strings out of short ones without taking a step.
_MULTIPLYING_METHODS = {"center", "ljust", "rjust", "zfill", "expandtabs"}
_MULTIPLYING_FILTERS = ("center", "indent", "format", "wordwrap", "batch", "slice")


class ChatTemplate:
    """`control_texts` are the texts that the tokenizer reads as control tokens, such as `<|im_end|>`."""

    def __init__(self, source: str, *, control_texts: Sequence[str], bos: str, eos: str) -> None:
        if len(source) > _MAX_TEMPLATE_CHARACTERS:
            raise ChatTemplateError(f"The chat template is longer than {_MAX_TEMPLATE_CHARACTERS:,} characters.")
        try:
            self._template = _environment().from_string(source)
        except jinja2.TemplateError as error:
            raise ChatTemplateError(f"The chat template cannot be read: {error}") from error
        alternatives = "|".join(re.escape(text) for text in sorted(control_texts, key=len, reverse=True) if text)
        self._control = re.compile(alternatives) if alternatives else None
        self._tokens = {"bos_token": bos, "eos_token": eos}

    def render(self, messages: Sequence[ChatMessage]) -> str:
        """Render with the generation prompt. Control texts inside a message are broken up, so none can end its turn."""
        safe = [{"role": message["role"], "content": self._neutralize(message["content"])} for message in messages]
        try:
            with _limited_steps():
                return self._template.render(messages=safe, add_generation_prompt=True, **self._tokens)
        except ChatTemplateError:
            raise
        except Exception as error:
            # A template can raise whatever Python can.
            raise ChatTemplateError(f"The chat template failed: {type(error).__name__}: {error}") from error

    def _neutralize(self, content: str) -> str:
        if self._control is None:
            return content
        return self._control.sub(lambda match: f"{match[0][0]} {match[0][1:]}", content)


class _Sandbox(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"*", "**", "%"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if not all(isinstance(value, int) and abs(value) < 1 << 31 for value in (left, right)) or operator == "**":
            raise ChatTemplateError(f"The chat template may use {operator} on small numbers only.")
        return super().call_binop(context, operator, left, right)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if isinstance(obj, str) and attr in _MULTIPLYING_METHODS:
            return False
        return super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        # Jinja's own wrapper keeps `format` away from attributes, but not from long paddings.
        if super().wrap_str_format(value) is not None:
            raise ChatTemplateError("The chat template may not use str.format.")
        return None

    def unsafe_undefined(self, obj: Any, attribute: str) -> NoReturn:
        # Jinja's own is an undefined value, which prints as nothing and so hides the attempt.
        raise ChatTemplateError(f"The chat template may not read {attribute} of a {type(obj).__name__}.")


def _environment() -> _Sandbox:
    environment = _Sandbox(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
    for name in _MULTIPLYING_FILTERS:
        del environment.filters[name]
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _raise_exception
    environment.globals["strftime_now"] = _strftime_now
    return environment


def _raise_exception(message: str) -> NoReturn:
    raise ChatTemplateError(f"The chat template refuses these messages: {message}")


def _strftime_now(pattern: str) -> str:
    return datetime.now().astimezone().strftime(pattern[:60])


def _to_json(value: Any, indent: int | None = None) -> str:
    # Not Jinja's own: it escapes for HTML, which models were not trained on.
    return json.dumps(value, ensure_ascii=False, indent=min(indent, 8) if indent else None)


@contextmanager
def _limited_steps() -> Iterator[None]:
    """Count the lines that this thread runs, and stop a template that loops for ever."""
    steps = 0

    def trace(_frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal steps
        if event == "line":
            steps += 1
            if steps > _MAX_STEPS:
                raise ChatTemplateError(f"The chat template takes more than {_MAX_STEPS:,} steps.")
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)
