"""What one server does differently from OpenAI's own, as data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from chatapp.inference.providers.options import AuthHeader, MaxTokensField, RequestOptions

# Our names of sampling parameters; each preset says which of them its server takes.
COMMON = ("temperature", "top_p", "frequency_penalty", "presence_penalty", "seed")
OPENAI = (*COMMON, "logit_bias", "json_schema")
LOCAL = (*OPENAI, "top_k", "min_p", "ignore_eos")


def same(url: str, _model: str) -> str:
    return url


def no_query(_options: RequestOptions) -> Mapping[str, object]:
    return {}


def no_probe(_url: str, _options: RequestOptions) -> str | None:
    return None


def models_list(url: str, _options: RequestOptions) -> str | None:
    return f"{url}/models"


def beside_v1(path: str) -> Callable[[str, RequestOptions], str | None]:
    """A path of the server itself, whose OpenAI routes are under /v1."""
    return lambda url, _options: url.removesuffix("/v1") + path


@dataclass(frozen=True, slots=True)
class Preset:
    """`sampling` are the parameters that the server takes, `fixed_fields` what every request carries.

    `max_stops` is how many stop strings it takes; `user_field` where it takes an opaque id of the user, if anywhere;
    `needs` the request options without which it cannot be asked.
    """

    name: str
    sampling: tuple[str, ...]
    max_tokens_field: MaxTokensField = "max_tokens"
    max_stops: int = 4
    streams_usage: bool = True
    sends_model: bool = True
    auth_header: AuthHeader = "bearer"
    takes_client_credentials: bool = False
    fixed_fields: Mapping[str, object] = field(default_factory=dict)
    user_field: str = ""
    needs: tuple[str, ...] = ()
    base_url: Callable[[str, str], str] = same
    query: Callable[[RequestOptions], Mapping[str, object]] = no_query
    probe_url: Callable[[str, RequestOptions], str | None] = no_probe
