"""The same weights or endpoint, answered with in another way."""

from collections.abc import Mapping
from typing import Any

from chatapp.accounts.models import User
from chatapp.errors import ChatappError
from chatapp.inference.models import ModelVersion
from chatapp.inference.services.versions import register_version

# What a clone may change; where it is computed and where text goes stays.
CHANGEABLE = (
    "description",
    "context_tokens",
    "system_prompt",
    "sampling",
    "chat_template",
    "engine_options",
    "request_options",
    "prompt_price",
    "completion_price",
    "licence",
    "card",
)
# Keys are taken over without being seen, so where they are sent is taken over, too.
_CREDENTIAL = ("credential", "token_file", "tenant", "client_id", "scope", "token_url")
_KEPT = ("provider", "sha256", "quantization", "preset", "external_model")


def clone_version(*, user: User | None, version: ModelVersion, name: str, changes: Mapping[str, Any]) -> ModelVersion:
    """A new draft with everything of `version` but `changes`, of which there must be one; see CHANGEABLE.

    Endpoints with their keys, and sources with their secrets, are taken over. Raises ChatappError as
    `register_version`, and invalid for a change that there is none.
    """
    unknown = sorted(set(changes) - set(CHANGEABLE))
    if unknown:
        detail = f"a clone changes {', '.join(CHANGEABLE)}; {str(unknown[0])[:60]} is none of these."
        raise ChatappError("invalid", detail=detail)
    options = changes.get("request_options", version.request_options)
    if not isinstance(options, dict):
        raise ChatappError("invalid", detail="request_options must be an object.")
    moved = [name for name in _CREDENTIAL if options.get(name) != version.request_options.get(name)]
    if moved:
        detail = f"a clone takes the keys over unseen, so {moved[0]} stays as it is; register a version with its key."
        raise ChatappError("invalid", detail=detail)
    same = {field: getattr(version, field) for field in (*CHANGEABLE, *_KEPT)}
    if all(same[field] == value for field, value in changes.items()):
        raise ChatappError("invalid", detail="the clone is the same version: change something of it.")
    secrets = {one.position: one.secret for one in version.source_secrets.all()}
    sources = [
        {**source, **({"secret": secrets[position]} if position in secrets else {})}
        for position, source in enumerate(version.sources)
    ]
    endpoints = [{"url": one.url, "key": one.key} for one in version.endpoints.all()]
    return register_version(
        user=user,
        name=name,
        sources=sources,
        endpoints=endpoints,
        may_leave_company=version.may_leave_company if endpoints else None,
        copied_from=version,
        **{**same, **changes},
    )
