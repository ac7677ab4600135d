"""From a version's record to a model that can be asked."""

from collections.abc import Sequence
from functools import partial

from django.conf import settings

from chatapp.inference.engine.errors import EngineError
from chatapp.inference.models import Endpoint, ModelVersion, Provider
from chatapp.inference.providers.backend import Backend
from chatapp.inference.providers.breaker import Breaker
from chatapp.inference.providers.credentials import (
    ENTRA_SCOPE,
    ENTRA_TOKEN_URL,
    ClientCredentials,
    Headers,
    no_credential,
    static_key,
    token_file,
)
from chatapp.inference.providers.http_json import HttpJson
from chatapp.inference.providers.openai_compatible import OpenAICompatible
from chatapp.inference.providers.options import AuthHeader, RequestOptions, parse_request_options
from chatapp.inference.providers.pool import UpstreamPool
from chatapp.inference.providers.presets import PRESETS
from chatapp.inference.providers.rates import Rates
from chatapp.inference.providers.remote import RemoteModel
from chatapp.inference.providers.upstream import Upstream

# Of a whole answer with its events: the longest one that a version may be asked for takes a few.
_MAX_STREAM_BYTES = 64 * 1_048_576
# Of an answer that is parsed as one JSON, which takes some thirty times its size in memory.
_MAX_WHOLE_BYTES = 4 * 1_048_576


def open_model(version: ModelVersion, endpoints: Sequence[Endpoint]) -> RemoteModel:
    """Raises `EngineError`: no endpoint, or nothing here that speaks to it."""
    if not endpoints:
        raise EngineError(f"{version.name} has no endpoint.")
    options = parse_request_options(version.request_options)
    backend, header = _backend(version, options)
    most = _MAX_WHOLE_BYTES if version.provider == Provider.HTTP_JSON else _MAX_STREAM_BYTES
    upstreams = [
        make_upstream(endpoint, version, header=header, options=options, max_bytes=most, backend=backend)
        for endpoint in endpoints
    ]
    pool = UpstreamPool(upstreams, breaker=Breaker(), probe_seconds=options.probe_seconds)
    rates = Rates(str(version.id), options.requests_per_minute, options.tokens_per_minute)
    return RemoteModel(name=version.name, backend=backend, pool=pool, rates=rates, options=options)


def _backend(version: ModelVersion, options: RequestOptions) -> tuple[Backend, AuthHeader]:
    if version.provider == Provider.OPENAI_COMPATIBLE and version.preset in PRESETS:
        preset = PRESETS[version.preset]
        chat = OpenAICompatible(
            preset=preset, model=version.external_model, options=options, user_secret=settings.SECRET_KEY
        )
        return chat, preset.auth_header
    if version.provider == Provider.HTTP_JSON:
        return HttpJson(model=version.external_model, options=options), "bearer"
    raise EngineError(f"{version.name} is not served by a provider that is known here.")


def make_upstream(
    endpoint: Endpoint,
    version: ModelVersion,
    *,
    header: AuthHeader,
    options: RequestOptions,
    max_bytes: int,
    backend: Backend | None = None,
) -> Upstream:
    """`backend` is what makes sessions and knows where to probe, if the endpoint answers chats."""
    return Upstream(
        id=str(endpoint.id),
        url=endpoint.url,
        credential=_credential(endpoint, header, options),
        connect_seconds=options.connect_seconds,
        max_bytes=max_bytes,
        open_session=partial(backend.session, endpoint.url) if backend else _no_session,
        probe_url=backend.probe_url(endpoint.url) if backend else None,
        # The company's own servers are not behind its way out.
        proxy=settings.PROVIDER_PROXY or None if version.may_leave_company else None,
    )


def _no_session(_http: object) -> None:
    """The HTTP client is all that is needed."""


def _credential(endpoint: Endpoint, header: AuthHeader, options: RequestOptions) -> Headers:
    if options.credential == "token_file":
        # Files hold tokens, which go into Authorization also where a static key would not.
        return token_file(settings.PROVIDER_TOKENS_DIR / options.token_file, header="bearer")
    if options.credential == "client_credentials":
        return ClientCredentials(
            token_url=options.token_url or ENTRA_TOKEN_URL.format(tenant=options.tenant),
            client_id=options.client_id,
            secret=endpoint.key,
            scope=options.scope or ENTRA_SCOPE,
        )
    return static_key(endpoint.key, header=header) if endpoint.key else no_credential
