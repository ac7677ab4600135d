"""What a provider's dialect does; everything else about a remote model is the same for all of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import httpx2

from chatapp.inference.engine.stream import Usage
from chatapp.inference.engine.types import ChatMessage
from chatapp.inference.providers.upstream import Connection


@dataclass(frozen=True, slots=True)
class Question:
    """One request. `sampling` holds what was asked for, checked, under the names that `ChatModel.chat` takes."""

    messages: Sequence[ChatMessage]
    max_tokens: int
    sampling: Mapping[str, object]
    stop: Sequence[str]
    cache_scope: str = ""


@dataclass(frozen=True, slots=True)
class Delta:
    """What one event of an upstream brings: text, thoughts that are not shown, the end, or a count of tokens."""

    text: str = ""
    is_thinking: bool = False
    finish_reason: Literal["stop", "length"] | None = None
    usage: Usage | None = None


class Backend(Protocol):
    """All methods may be called from several threads."""

    def check_sampling(self, sampling: Mapping[str, object]) -> None:
        """Raises `SamplingError` for what the upstream would not take or would ignore."""

    def session(self, url: str, http: httpx2.Client) -> object:
        """What `ask` needs for one connection beside its HTTP client; kept with the connection."""

    def ask(self, connection: Connection, question: Question) -> Iterator[Delta]:
        """Raises `ProviderError`. An answer that is whole has had a delta with `finish_reason`."""

    def probe_url(self, url: str) -> str | None:
        """Where a GET says cheaply whether the endpoint at `url` is up; None when it has no such place."""
