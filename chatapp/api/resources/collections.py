from typing import Any

from ninja import Field, Query, Router, Schema
from ninja.responses import Status

from chatapp.api.auth import ApiRequest, BearerKey
from chatapp.api.lists import ListQuery, Page, page_of
from chatapp.retrieval import selectors, services
from chatapp.retrieval.models import Collection

router = Router(tags=["documents"], auth=BearerKey("documents:read", "documents:write"))
MAKER = BearerKey("documents:write", permission="retrieval.create_collection")


class CollectionIn(Schema):
    slug: str = Field(max_length=64)
    name: str = Field(max_length=120)
    groups: dict[str, str] = Field({}, max_length=200, description="Company group → reader, editor or owner.")


class CollectionOut(Schema):
    slug: str
    name: str
    role: str | None = Field(description="The caller's own.")


def shape_for(request: ApiRequest, collection: Collection) -> CollectionOut:
    role = selectors.role_of(request.auth, collection)
    return CollectionOut(slug=collection.slug, name=collection.name, role=role)


@router.get("", response=Page[CollectionOut])
def list_collections(request: ApiRequest, query: Query[ListQuery]) -> Page[CollectionOut]:
    return page_of(selectors.list_collections_for(request.auth), query, lambda row: shape_for(request, row))


@router.post("", response={201: CollectionOut}, auth=MAKER)
def create_collection(request: ApiRequest, body: CollectionIn) -> Status[Any]:
    collection = services.create_collection(user=request.auth, slug=body.slug, name=body.name, groups=body.groups)
    return Status(201, shape_for(request, collection))
