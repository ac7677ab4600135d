import re
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import IntegrityError, transaction

from chatapp.accounts.models import User
from chatapp.accounts.permissions import require
from chatapp.accounts.services import record_event
from chatapp.errors import ChatappError
from chatapp.inference.engine.sampling import parse_sampling
from chatapp.inference.models import ModelVersion, Provider

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}")
SHA256 = re.compile(r"[0-9a-f]{64}")
CONTEXT_TOKENS = range(256, 1_048_577)
MAX_SYSTEM_PROMPT = 20_000
MAX_SOURCES = 10


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
) -> ModelVersion:
    """A new immutable version; it serves nobody until `set_serving_version`. `user` is None for the set-up.

    Raises ChatappError: forbidden, invalid with a sentence, exists.
    """
    if user is not None:
        require(user, "inference.register_version")
    version = ModelVersion(
        name=name,
        provider=provider,
        context_tokens=context_tokens,
        sha256=sha256,
        sources=list(sources),
        quantization=quantization,
        licence=licence,
        description=description,
        system_prompt=system_prompt,
        sampling=sampling or {},
        created_by=user,
    )
    _validate(version)
    try:
        with transaction.atomic():
            version.save(force_insert=True)
            record_event(actor=user, action="inference.version_registered", obj=version, detail={"name": name})
    except IntegrityError:
        raise ChatappError("exists", what=f"The model version {name}") from None
    return version


def _validate(version: ModelVersion) -> None:
    problems = [
        (
            not _is_match(NAME, version.name),
            "name must be 1 to 100 letters, digits, dots, colons, hyphens, underscores.",
        ),
        (version.provider not in Provider.values, f"provider must be one of {', '.join(Provider.values)}."),
        (version.sha256 != "" and not _is_match(SHA256, version.sha256), "sha256 must be 64 lower-case hex digits."),
        (
            version.provider == Provider.LLAMA_CPP and not version.sha256,
            "a llama_cpp version needs the sha256 of its weights.",
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
            ]
        ),
        (not isinstance(version.sampling, dict), "sampling must be an object."),
        (not _are_sources(version.sources), f"sources must be at most {MAX_SOURCES} objects."),
    ]
    detail = next((sentence for wrong, sentence in problems if wrong), None)
    if detail:
        raise ChatappError("invalid", detail=detail)
    parse_sampling(version.sampling)


def _is_match(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _is_text(value: object, limit: int) -> bool:
    return isinstance(value, str) and len(value) <= limit and "\0" not in value


def _are_sources(sources: Sequence[object]) -> bool:
    return len(sources) <= MAX_SOURCES and all(isinstance(source, dict) for source in sources)
