"""What a client asks about the service itself (RFC 7643, 5 to 7)."""

from typing import Any

from django.http import HttpResponse
from scim2_models import (
    AuthenticationScheme,
    Bulk,
    ChangePassword,
    Context,
    ETag,
    Filter,
    Meta,
    Patch,
    ResourceType,
    ServiceProviderConfig,
    Sort,
)

from chatapp.api.scim.documents import Enterprise, Group, Person
from chatapp.api.scim.errors import ScimError
from chatapp.api.scim.lists import MAX_COUNT
from chatapp.api.scim.requests import ScimRequest, answer, scim_view
from chatapp.errors import ChatappError

_LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
_MODELS = (Person, Group, Enterprise)


def show_configuration(request: ScimRequest) -> HttpResponse:
    config = ServiceProviderConfig(
        patch=Patch(supported=True),
        bulk=Bulk(supported=False, max_operations=0, max_payload_size=0),
        filter=Filter(supported=True, max_results=MAX_COUNT),
        change_password=ChangePassword(supported=False),
        sort=Sort(supported=True),
        etag=ETag(supported=True),
        authentication_schemes=[
            AuthenticationScheme(
                type=AuthenticationScheme.Type.oauthbearertoken,
                name="API key",
                description="An API key of a service account that may provision, as a bearer token.",
                primary=True,
            )
        ],
        meta=Meta(resource_type="ServiceProviderConfig", location=f"{request.base}/ServiceProviderConfig"),
    )
    return answer(_dump(config))


def list_resource_types(request: ScimRequest) -> HttpResponse:
    _refuse_filter(request)
    return answer(_list([_dump(kind) for kind in _resource_types(request.base)]))


def show_resource_type(request: ScimRequest, name: str) -> HttpResponse:
    return answer(_dump(_pick({kind.id or "": kind for kind in _resource_types(request.base)}, name)))


def list_schemas(request: ScimRequest) -> HttpResponse:
    _refuse_filter(request)
    return answer(_list([_schema(model, request.base) for model in _MODELS]))


def show_schema(request: ScimRequest, name: str) -> HttpResponse:
    return answer(_schema(_pick({str(model.__schema__): model for model in _MODELS}, name), request.base))


def show_nothing(_: ScimRequest, **__: str) -> HttpResponse:
    raise ChatappError("not_found")


def _resource_types(base: str) -> list[ResourceType]:
    extension = {"schema": str(Enterprise.__schema__), "required": False}
    kinds: list[tuple[str, str, list[dict[str, Any]]]] = [
        ("User", str(Person.__schema__), [extension]),
        ("Group", str(Group.__schema__), []),
    ]
    return [
        ResourceType.model_validate(
            {
                "id": name,
                "name": name,
                "endpoint": f"/{name}s",
                "schema": schema,
                "schemaExtensions": extensions or None,
                "meta": {"resourceType": "ResourceType", "location": f"{base}/ResourceTypes/{name}"},
            }
        )
        for name, schema, extensions in kinds
    ]


def _schema(model: Any, base: str) -> dict[str, Any]:
    schema = model.to_schema()
    name = {Person: "User", Enterprise: "EnterpriseUser"}.get(model, "Group")
    meta = Meta(resource_type="Schema", location=f"{base}/Schemas/{model.__schema__}")
    return _dump(schema.model_copy(update={"name": name, "description": None, "meta": meta}))


def _list(documents: list[dict[str, Any]]) -> dict[str, Any]:
    size = len(documents)
    return {"schemas": [_LIST], "totalResults": size, "startIndex": 1, "itemsPerPage": size, "Resources": documents}


def _dump(document: Any) -> dict[str, Any]:
    dumped: dict[str, Any] = document.model_dump(scim_ctx=Context.RESOURCE_QUERY_RESPONSE)
    return dumped


def _pick(known: dict[str, Any], name: str) -> Any:
    if name not in known:
        raise ChatappError("not_found")
    return known[name]


def _refuse_filter(request: ScimRequest) -> None:
    """RFC 7644, 4."""
    if "filter" in request.GET:
        raise ScimError(403, "These lists cannot be filtered.")


configuration = scim_view(get=show_configuration)
resource_types = scim_view(get=list_resource_types)
resource_type = scim_view(get=show_resource_type)
schemas = scim_view(get=list_schemas)
schema = scim_view(get=show_schema)
nothing = scim_view(get=show_nothing, post=show_nothing, put=show_nothing, patch=show_nothing, delete=show_nothing)
