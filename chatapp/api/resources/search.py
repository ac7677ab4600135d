from uuid import UUID

from django.db import close_old_connections
from ninja import Field, Router, Schema

from chatapp.api.auth import ApiRequest, BearerKey
from chatapp.retrieval.client import lookup_passages
from chatapp.retrieval.search import MAX_QUERY_CHARACTERS, MAX_RESULTS, Passage

router = Router(tags=["documents"], auth=BearerKey("search"))


class SearchIn(Schema):
    query: str = Field(min_length=1, max_length=MAX_QUERY_CHARACTERS)
    collections: list[str] | None = Field(
        None, max_length=100, description="Slugs; without them all that you may read."
    )
    k: int = Field(5, ge=1, le=MAX_RESULTS)


class PassageOut(Schema):
    document: UUID
    document_version: UUID
    name: str
    collection: str
    page: int | None
    text: str
    score: float


class SearchOut(Schema):
    items: list[PassageOut]
    next: None = None


def shape(passage: Passage) -> PassageOut:
    return PassageOut(
        document=passage.document_id,
        document_version=passage.document_version_id,
        name=passage.document_name,
        collection=passage.collection,
        page=passage.page,
        text=passage.text,
        score=passage.score,
    )


@router.post("", response=SearchOut, auth=BearerKey("search", only_reads=True))
def search(request: ApiRequest, body: SearchIn) -> SearchOut:
    close_old_connections()  # a worker searches: no connection is held while waiting for it
    found = lookup_passages(user=request.auth, query=body.query, collections=body.collections, k=body.k)
    return SearchOut(items=[shape(passage) for passage in found])
