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


class CollectionChange(Schema):
    """What is left out stays as it is."""

    name: str | None = Field(None, max_length=120)
    groups: dict[str, str] | None = Field(None, max_length=200, description="Replaces all that was granted before.")
    chunk_characters: int | None = Field(None, description="The longest passage, for documents read from now on.")
    chunk_overlap: int | None = Field(None, description="Characters that neighbouring passages share.")


class CollectionOut(Schema):
    slug: str
    name: str
    role: str | None = Field(description="The caller's own.")
    chunk_characters: int
    chunk_overlap: int


def shape_for(request: ApiRequest, collection: Collection) -> CollectionOut:
    role = selectors.role_of(request.auth, collection)
    return CollectionOut(
        slug=collection.slug,
        name=collection.name,
        role=role,
        chunk_characters=collection.chunk_characters,
        chunk_overlap=collection.chunk_overlap,
    )


@router.get("", response=Page[CollectionOut])
def list_collections(request: ApiRequest, query: Query[ListQuery]) -> Page[CollectionOut]:
    return page_of(selectors.list_collections_for(request.auth), query, lambda row: shape_for(request, row))


@router.post("", response={201: CollectionOut}, auth=MAKER)
def create_collection(request: ApiRequest, body: CollectionIn) -> Status[Any]:
    collection = services.create_collection(user=request.auth, slug=body.slug, name=body.name, groups=body.groups)
    return Status(201, shape_for(request, collection))


@router.get("/{slug:slug}", response=CollectionOut)
def get_collection(request: ApiRequest, slug: str) -> CollectionOut:
    return shape_for(request, selectors.get_collection_for(request.auth, slug))


@router.patch("/{slug:slug}", response=CollectionOut)
def change_collection(request: ApiRequest, slug: str, body: CollectionChange) -> CollectionOut:
    """All of it or nothing. Documents that were read already keep their passages until they are read again."""
    collection = selectors.get_collection_for(request.auth, slug)
    changed = services.change_collection(user=request.auth, collection=collection, **body.dict())
    return shape_for(request, changed)


@router.delete("/{slug:slug}", response={204: None})
def delete_collection(request: ApiRequest, slug: str) -> Status[Any]:
    """With all its documents; nobody sees them from now on."""
    services.delete_collection(user=request.auth, collection=selectors.get_collection_for(request.auth, slug))
    return Status(204, None)
