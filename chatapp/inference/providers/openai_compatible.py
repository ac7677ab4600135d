"""Chat completions as OpenAI streams them, by the official client, in the dialect that a preset describes.

OpenAI's reference: platform.openai.com/docs/api-reference/chat. Whatever an upstream sends is read as if it were
hostile: the client does not validate what it parses.
"""

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx2
import openai
import structlog
from openai import OpenAI

from chatapp.inference.engine.errors import SamplingError
from chatapp.inference.engine.stream import Usage
from chatapp.inference.providers.backend import Delta, Question
from chatapp.inference.providers.errors import ProviderError, status_error
from chatapp.inference.providers.options import RequestOptions
from chatapp.inference.providers.presets.preset import Preset
from chatapp.inference.providers.upstream import Connection

_MAX_TOKENS_COUNTED = 100_000_000
_UNREADABLE = (ValueError, TypeError, AttributeError, KeyError, IndexError, RecursionError, UnicodeError)
log = structlog.get_logger(__name__)


class OpenAICompatible:
    """`user_secret` turns an owner's id into a hash that means nothing elsewhere."""

    def __init__(self, *, preset: Preset, model: str, options: RequestOptions, user_secret: str) -> None:
        self._preset = preset
        self._model = model
        self._options = options
        self._user_secret = user_secret.encode()
        self._allowed = set(preset.sampling if options.sampling is None else options.sampling)
        self._seen_models: set[str] = set()

    def check_sampling(self, sampling: Mapping[str, object]) -> None:
        refused = next((name for name in sampling if name not in self._allowed), None)
        if refused is not None:
            raise SamplingError(f"{refused} is not a sampling parameter that this model takes.")

    def session(self, url: str, http: httpx2.Client) -> OpenAI:
        return OpenAI(
            # The transport sets the credential, so that it goes to the endpoint and nowhere else.
            api_key="set-by-transport",
            base_url=self._preset.base_url(url, self._model),
            default_query=self._preset.query(self._options),
            http_client=http,
            max_retries=0,
        )

    def probe_url(self, url: str) -> str | None:
        return self._preset.probe_url(url, self._options)

    def ask(self, connection: Connection, question: Question) -> Iterator[Delta]:
        client: Any = connection.session
        with _upstream_errors():
            model = self._model if self._preset.sends_model else ""
            messages = self._messages(question)
            with client.chat.completions.create(
                model=model, messages=messages, stream=True, extra_body=self._extra(question)
            ) as chunks:
                if not chunks.response.headers.get("content-type", "").startswith("text/event-stream"):
                    raise ProviderError("The provider did not send an event stream.", retryable=False)
                for chunk in chunks:
                    yield self._read(chunk)

    def _extra(self, question: Question) -> dict[str, object]:
        """The request beside model and messages."""
        preset = self._preset
        body: dict[str, object] = {
            self._options.max_tokens_field or preset.max_tokens_field: question.max_tokens,
            **preset.fixed_fields,
            **dict(_as_sent(name, value) for name, value in question.sampling.items()),
        }
        if preset.streams_usage:
            body["stream_options"] = {"include_usage": True}
        if question.stop and preset.max_stops:
            # The others are found in the text as it comes.
            body["stop"] = list(question.stop[: preset.max_stops])
        if self._options.sends_user_hash and question.cache_scope:
            body[preset.user_field] = self._user_hash(question.cache_scope)
        return body

    def _messages(self, question: Question) -> list[dict[str, str]]:
        messages: list[dict[str, str]] = [dict(message) for message in question.messages]  # type: ignore[arg-type]
        role = self._options.system_role
        if role == "user":
            return _with_system_in_question(messages)
        return [{**one, "role": role} if one["role"] == "system" else one for one in messages]

    def _user_hash(self, owner: str) -> str:
        return hmac.new(self._user_secret, f"provider-user:{owner}".encode(), hashlib.sha256).hexdigest()[:32]

    def _read(self, chunk: Any) -> Delta:
        usage = _usage(getattr(chunk, "usage", None))
        choices = getattr(chunk, "choices", None)
        if not choices:
            return Delta(usage=usage)  # Azure's first event, the count of tokens, and what nobody knows.
        self._note_model(getattr(chunk, "model", None))
        choice = choices[0]
        # Not in OpenAI's schema: vLLM, llama-server and DeepSeek name it the first way, others the second.
        extra = getattr(choice.delta, "model_extra", None) or {}
        return Delta(
            text=_text(getattr(choice.delta, "content", None)),
            is_thinking=bool(extra.get("reasoning_content") or extra.get("reasoning")),
            finish_reason=_reason(getattr(choice, "finish_reason", None)),
            usage=usage,
        )

    def _note_model(self, name: object) -> None:
        """Providers answer with dated names and file names, so another name is worth a line, no more."""
        shown = "".join(filter(str.isprintable, name[:100])) if isinstance(name, str) else type(name).__name__
        if shown not in self._seen_models and len(self._seen_models) < 10:
            self._seen_models.add(shown)
            if self._model not in shown:
                log.info("provider_model_differs", asked=self._model, answered=shown)


def _with_system_in_question(messages: list[dict[str, str]]) -> list[dict[str, str]]:
    """For models whose chat template refuses a system message."""
    system = "\n\n".join(one["content"] for one in messages if one["role"] == "system")
    rest = [one for one in messages if one["role"] != "system"]
    if system and rest and rest[0]["role"] == "user":
        return [{"role": "user", "content": f"{system}\n\n{rest[0]['content']}"}, *rest[1:]]
    return [{"role": "user", "content": system}, *rest] if system else rest


def _as_sent(name: str, value: object) -> tuple[str, object]:
    """The field of the request, and its value there."""
    if name == "json_schema":
        return "response_format", {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": value, "strict": True},
        }
    if name == "logit_bias" and isinstance(value, Mapping):
        return name, {str(token): bias for token, bias in value.items()}
    # 0 means all tokens here; vLLM before 0.8 knew just -1 for that, and llama-server takes both.
    return name, -1 if name == "top_k" and value == 0 else value


def _text(content: object) -> str:
    if content is None:
        return ""
    if not isinstance(content, str):
        raise TypeError(type(content))
    return content


def _reason(reason: object) -> Any:
    if reason is None or reason == "length":
        return reason
    if reason == "content_filter":
        raise ProviderError("The provider's content filter ended the answer.", retryable=False)
    # No tools are offered, so whatever else it is called, the model was done.
    return "stop"


def _usage(usage: Any) -> Usage | None:
    if usage is None:
        return None
    cached = getattr(getattr(usage, "prompt_tokens_details", None), "cached_tokens", None) or 0
    counts = (usage.prompt_tokens, usage.completion_tokens, cached)
    if not all(type(count) is int and 0 <= count <= _MAX_TOKENS_COUNTED for count in counts):
        return None
    return Usage(*counts)


@contextmanager
def _upstream_errors() -> Iterator[None]:
    """The client's errors, and what its parsing of nonsense raises, become `ProviderError`s without foreign words."""
    try:
        yield
    except openai.APIStatusError as error:
        raise status_error(
            status=error.status_code, headers=error.response.headers, code=error.code or error.type
        ) from None
    except openai.APIConnectionError as error:
        cause = type(error.__cause__).__name__
        raise ProviderError(f"The connection to the provider failed: {cause}.", retryable=True) from None
    except openai.APIError:
        raise ProviderError("The provider reported an error in its stream.", retryable=True) from None
    except (httpx2.HTTPError, httpx2.StreamError) as error:
        raise ProviderError(f"The connection to the provider failed: {type(error).__name__}.", retryable=True) from None
    except _UNREADABLE:
        raise ProviderError("The provider sent what is no chat completion.", retryable=False) from None
