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

router = Router(tags=["models"], auth=BearerKey("models", "models:write"))
REGISTRAR = BearerKey("models:write", permission="inference.register_version")


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


class ModelVersionIn(ModelVersionFields):
    endpoints: list[EndpointIn] = Field([], max_length=20)
    # Whoever registers an external version must say it.
    may_leave_company: bool | None = None


class ModelVersionOut(ModelVersionFields):
    id: UUID
    endpoints: list[EndpointOut]
    may_leave_company: bool
    created_at: datetime


def shape(version: ModelVersion) -> ModelVersionOut:
    given = {name: getattr(version, name) for name in ModelVersionFields.model_fields}
    endpoints = [EndpointOut(url=one.url, has_key=bool(one.key)) for one in version.endpoints.all()]
    return ModelVersionOut(
        **given,
        id=version.id,
        endpoints=endpoints,
        may_leave_company=version.may_leave_company,
        created_at=version.created_at,
    )


@router.get("", response=Page[ModelVersionOut])
def list_model_versions(request: ApiRequest, query: Query[ListQuery]) -> Page[ModelVersionOut]:
    return page_of(selectors.list_versions_for(request.auth).prefetch_related("endpoints"), query, shape)


@router.post("", response={201: ModelVersionOut}, auth=REGISTRAR)
def register_model_version(request: ApiRequest, body: ModelVersionIn) -> Status[Any]:
    return Status(201, shape(services.register_version(user=request.auth, **body.model_dump())))
