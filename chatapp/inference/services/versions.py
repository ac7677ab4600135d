import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db import IntegrityError, transaction

from chatapp.accounts.models import User
from chatapp.accounts.permissions import require
from chatapp.accounts.services import record_event
from chatapp.errors import ChatappError
from chatapp.inference.engine.options import parse_options
from chatapp.inference.engine.sampling import parse_sampling
from chatapp.inference.models import Endpoint, ModelVersion, Provider, SourceSecret, VersionState
from chatapp.inference.providers.registration import EXTERNAL, EndpointIn, check_external, refuse_external
from chatapp.inference.registry.sources import check_sources
from chatapp.inference.services.downloads import queue_download

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}")
SHA256 = re.compile(r"[0-9a-f]{64}")
CONTEXT_TOKENS = range(256, 1_048_577)
MAX_SYSTEM_PROMPT = 20_000
MAX_CARD = 50_000
MAX_TEMPLATE = 100_000
MAX_PRICE = 1_000_000

Price = Decimal | int | float | str


def register_version(
    *,
    user: User | None,
    name: str,
    provider: str,
    context_tokens: int,
    sha256: str = "",
    sources: Iterable[dict[str, Any]] = (),
    quantization: str = "",
    licence: str = "",
    description: str = "",
    system_prompt: str = "",
    sampling: dict[str, Any] | None = None,
    engine_options: dict[str, Any] | None = None,
    preset: str = "",
    external_model: str = "",
    endpoints: Iterable[Mapping[str, Any]] = (),
    request_options: dict[str, Any] | None = None,
    may_leave_company: bool | None = None,
    prompt_price: Price = 0,
    completion_price: Price = 0,
    chat_template: str = "",
    card: str = "",
    copied_from: ModelVersion | None = None,
) -> ModelVersion:
    """A new immutable version; it serves nobody until `set_serving_version`. `user` is None for the set-up.

    `endpoints` are `{"url": ..., "key": ...}` and `sources` say where weights lie, see registry/sources.py; keys and
    secrets are stored encrypted and never read back. An external version must say whether text may leave the company
    by it. Prices are per million tokens. What a person registers is a draft, which workers fetch and look at in the
    background; what the set-up registers counts as evaluated. Nothing that has the name already is touched.
    Raises ChatappError: forbidden, invalid with a sentence, exists.
    """
    if user is not None:
        require(user, "inference.register_version")
    stored, secrets = check_sources(list(sources))
    version = ModelVersion(
        name=name,
        provider=provider,
        context_tokens=context_tokens,
        sha256=sha256,
        sources=stored,
        quantization=quantization,
        licence=licence,
        description=description,
        system_prompt=system_prompt,
        sampling=sampling or {},
        engine_options=engine_options or {},
        preset=preset,
        external_model=external_model,
        request_options=request_options or {},
        may_leave_company=_policy(provider=provider, may_leave_company=may_leave_company),
        prompt_price=_price("prompt_price", prompt_price),
        completion_price=_price("completion_price", completion_price),
        chat_template=chat_template,
        card=card,
        copied_from=copied_from,
        state=_first_state(provider, user),
        created_by=user,
    )
    _validate(version)
    return _store(version, _checked_endpoints(version, endpoints), secrets, user)


def _first_state(provider: str, user: User | None) -> VersionState:
    """The set-up registers what the product comes with. The scripted model has nothing that could be looked at."""
    if user is None:
        return VersionState.EVALUATED
    return VersionState.VERIFIED if provider == Provider.SCRIPTED else VersionState.DRAFT


def _store(
    version: ModelVersion, endpoints: Sequence[EndpointIn], secrets: Mapping[int, str], user: User | None
) -> ModelVersion:
    detail: dict[str, object] = {"name": version.name, "provider": version.provider}
    if endpoints:
        detail |= {"urls": [one.url for one in endpoints], "may_leave_company": version.may_leave_company}
    try:
        with transaction.atomic():
            version.save(force_insert=True)
            Endpoint.objects.bulk_create(Endpoint(version=version, url=one.url, key=one.key) for one in endpoints)
            SourceSecret.objects.bulk_create(
                SourceSecret(version=version, position=position, secret=secret) for position, secret in secrets.items()
            )
            record_event(actor=user, action="inference.version_registered", obj=version, detail=detail)
            if version.state == VersionState.DRAFT:
                queue_download(version, user=user)
    except IntegrityError:
        raise ChatappError("exists", what=f"The model version {version.name}") from None
    return version


def _policy(*, provider: str, may_leave_company: bool | None) -> bool:
    if may_leave_company is None and provider in EXTERNAL:
        raise ChatappError(
            "invalid",
            detail="may_leave_company must be true, or false when the endpoints are the company's own.",
        )
    if may_leave_company is not None and not isinstance(may_leave_company, bool):
        raise ChatappError("invalid", detail="may_leave_company must be true or false.")
    return bool(may_leave_company)


def _price(name: str, value: Price) -> Decimal:
    try:
        price = Decimal(str(value))
        is_price = 0 <= price <= MAX_PRICE and price == round(price, 4)
    except InvalidOperation:
        is_price = False
    if not is_price:
        detail = f"{name} must be a number from 0 to {MAX_PRICE:,} with at most four decimals."
        raise ChatappError("invalid", detail=detail)
    return price


def _checked_endpoints(version: ModelVersion, endpoints: Iterable[Mapping[str, Any]]) -> list[EndpointIn]:
    if version.provider in EXTERNAL:
        return check_external(version, endpoints)
    refuse_external(version, endpoints)
    return []


def _validate(version: ModelVersion) -> None:
    problems = [
        (
            not _is_match(NAME, version.name),
            "name must be 1 to 100 letters, digits, dots, colons, hyphens, underscores.",
        ),
        (version.provider not in Provider.values, f"provider must be one of {', '.join(Provider.values)}."),
        (version.sha256 != "" and not _is_match(SHA256, version.sha256), "sha256 must be 64 lower-case hex digits."),
        (
            version.provider == Provider.LLAMA_CPP and not version.sha256 and not version.sources,
            "a llama_cpp version needs the sha256 of its weights, or sources of them.",
        ),
        (
            type(version.context_tokens) is not int or version.context_tokens not in CONTEXT_TOKENS,
            f"context_tokens must be a whole number from {CONTEXT_TOKENS[0]} to {CONTEXT_TOKENS[-1]}.",
        ),
        *(
            (
                not _is_text(getattr(version, field), limit),
                f"{field} must be a text of at most {limit} characters.",
            )
            for field, limit in [
                ("quantization", 32),
                ("licence", 64),
                ("description", 300),
                ("system_prompt", MAX_SYSTEM_PROMPT),
                ("preset", 32),
                ("external_model", 200),
                ("card", MAX_CARD),
                ("chat_template", MAX_TEMPLATE),
            ]
        ),
        (not isinstance(version.sampling, dict), "sampling must be an object."),
        (not isinstance(version.engine_options, dict), "engine_options must be an object."),
        (
            version.provider != Provider.LLAMA_CPP and version.chat_template != "",
            "chat_template is for llama_cpp versions.",
        ),
    ]
    detail = next((sentence for wrong, sentence in problems if wrong), None)
    if detail:
        raise ChatappError("invalid", detail=detail)
    parse_sampling(version.sampling)
    parse_options(version.engine_options)


def _is_match(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _is_text(value: object, limit: int) -> bool:
    return isinstance(value, str) and len(value) <= limit and "\0" not in value
