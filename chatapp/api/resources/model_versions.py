from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from ninja import Field, Query, Router, Schema
from ninja.responses import Status

from chatapp.api.auth import ApiRequest, BearerKey
from chatapp.api.lists import ListQuery, Page, page_of
from chatapp.inference import selectors, services
from chatapp.inference.models import ModelVersion
from chatapp.inference.registry import facts_of

router = Router(tags=["models"], auth=BearerKey("models", "models:write"))
REGISTRAR = BearerKey("models:write", permission="inference.register_version")


class MemoryOut(Schema):
    """In bytes, for that many answers at once on a machine without GPU."""

    slots: int
    weights_bytes: int
    cache_bytes: int
    compute_bytes: int


class DownloadOut(Schema):
    """The last try to bring the version here and to look at it."""

    state: str
    stage: str
    source: str
    done_bytes: int
    total_bytes: int
    error: str


class ReasonIn(Schema):
    reason: str = Field("", max_length=500)


class EndpointIn(Schema):
    """A key can be written, never read."""

    url: str = Field(max_length=500)
    key: str = Field("", max_length=16_384)


class EndpointOut(Schema):
    url: str
    has_key: bool


class ModelVersionFields(Schema):
    name: str = Field(max_length=100)
    provider: str = Field(max_length=32)
    sha256: str = Field("", max_length=64)
    sources: list[dict[str, Any]] = Field([], max_length=20)
    quantization: str = Field("", max_length=32)
    licence: str = Field("", max_length=64)
    description: str = Field("", max_length=300)
    context_tokens: int = Field(ge=1, le=10_000_000)
    system_prompt: str = Field("", max_length=32_000)
    sampling: dict[str, Any] = Field({}, max_length=50)
    engine_options: dict[str, Any] = Field({}, max_length=50)
    preset: str = Field("", max_length=32)
    external_model: str = Field("", max_length=200)
    request_options: dict[str, Any] = Field({}, max_length=50)
    prompt_price: Decimal = Decimal(0)
    completion_price: Decimal = Decimal(0)
    chat_template: str = Field("", max_length=100_000)
    card: str = Field("", max_length=50_000)


class CloneIn(Schema):
    """`changes` are fields of a version with their new values."""

    name: str = Field(max_length=100)
    changes: dict[str, Any] = Field(max_length=20)


class ModelVersionIn(ModelVersionFields):
    endpoints: list[EndpointIn] = Field([], max_length=20)
    # Whoever registers an external version must say it.
    may_leave_company: bool | None = None


class ModelVersionOut(ModelVersionFields):
    id: UUID
    endpoints: list[EndpointOut]
    may_leave_company: bool
    created_at: datetime
    state: str
    copied_from: str | None
    facts: dict[str, Any] | None
    memory: MemoryOut | None
    download: DownloadOut | None


def shape(version: ModelVersion) -> ModelVersionOut:
    given = {name: getattr(version, name) for name in ModelVersionFields.model_fields}
    endpoints = [EndpointOut(url=one.url, has_key=bool(one.key)) for one in version.endpoints.all()]
    download = next(iter(version.downloads.all()), None)
    facts = facts_of(version)
    return ModelVersionOut(
        **given,
        id=version.id,
        endpoints=endpoints,
        may_leave_company=version.may_leave_company,
        created_at=version.created_at,
        state=version.state,
        copied_from=version.copied_from.name if version.copied_from else None,
        facts={key: value for key, value in facts.as_dict().items() if key != "memory"} if facts else None,
        memory=MemoryOut(**facts.as_dict()["memory"]) if facts else None,
        download=DownloadOut(**{name: getattr(download, name) for name in DownloadOut.model_fields})
        if download
        else None,
    )


def _known(request: ApiRequest, version_id: UUID) -> ModelVersion:
    return selectors.get_version_for(request.auth, version_id)


@router.get("", response=Page[ModelVersionOut])
def list_model_versions(request: ApiRequest, query: Query[ListQuery]) -> Page[ModelVersionOut]:
    versions = selectors.list_versions_for(request.auth).select_related("copied_from")
    return page_of(versions.prefetch_related("endpoints", "downloads"), query, shape)


@router.post("", response={201: ModelVersionOut}, auth=REGISTRAR)
def register_model_version(request: ApiRequest, body: ModelVersionIn) -> Status[Any]:
    return Status(201, shape(services.register_version(user=request.auth, **body.model_dump())))


@router.get("/{uuid:version_id}", response=ModelVersionOut)
def show_model_version(request: ApiRequest, version_id: UUID) -> ModelVersionOut:
    return shape(_known(request, version_id))


@router.post("/{uuid:version_id}/clone", response={201: ModelVersionOut}, auth=REGISTRAR)
def clone_model_version(request: ApiRequest, version_id: UUID, body: CloneIn) -> Status[Any]:
    version = _known(request, version_id)
    return Status(201, shape(services.clone_version(user=request.auth, version=version, **body.model_dump())))


@router.post("/{uuid:version_id}/verify", response={202: ModelVersionOut}, auth=REGISTRAR)
def verify_model_version(request: ApiRequest, version_id: UUID) -> Status[Any]:
    """In the background its weights are fetched, if they are not here, and checked, or its endpoint is asked."""
    version = _known(request, version_id)
    services.request_download(version, user=request.auth)
    return Status(202, shape(version))


@router.post("/{uuid:version_id}/retire", response=ModelVersionOut, auth=REGISTRAR)
def retire_model_version(request: ApiRequest, version_id: UUID, body: ReasonIn) -> ModelVersionOut:
    version = _known(request, version_id)
    services.retire_version(user=request.auth, version=version, reason=body.reason)
    return shape(version)


@router.post("/{uuid:version_id}/reject", response=ModelVersionOut, auth=REGISTRAR)
def reject_model_version(request: ApiRequest, version_id: UUID, body: ReasonIn) -> ModelVersionOut:
    version = _known(request, version_id)
    services.reject_version(user=request.auth, version=version, reason=body.reason)
    return shape(version)


@router.post("/{uuid:version_id}/restore", response=ModelVersionOut, auth=REGISTRAR)
def restore_model_version(request: ApiRequest, version_id: UUID, body: ReasonIn) -> ModelVersionOut:
    version = _known(request, version_id)
    services.restore_version(user=request.auth, version=version, reason=body.reason)
    return shape(version)
