from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Field, File, Form, Query, Router, Schema, UploadedFile
from ninja.responses import Status

from chatapp.api.auth import ApiRequest, BearerKey
from chatapp.api.lists import ListQuery, Page, page_of
from chatapp.retrieval import selectors, services
from chatapp.retrieval.models import Document

router = Router(tags=["documents"], auth=BearerKey("documents:read", "documents:write"))


class DocumentsQuery(ListQuery):
    collection: str | None = Field(None, max_length=64, description="Slug; only documents of this collection.")


class DocumentOut(Schema):
    id: UUID
    name: str
    collection: str
    status: str = Field(description="waiting, processing, ready or failed")
    progress: int = Field(description="Per cent of the current processing.")
    error: str
    version: int | None = Field(description="The version that search reads.")
    pages: int | None
    chunks: int
    created_at: datetime


def shape(document: Document) -> DocumentOut:
    current = document.current
    return DocumentOut(
        id=document.id,
        name=document.name,
        collection=document.collection.slug,
        status=document.status,
        progress=document.progress,
        error=document.error,
        version=current.number if current else None,
        pages=current.pages if current else None,
        chunks=getattr(document, "chunk_count", None) or 0,
        created_at=document.created_at,
    )


@router.get("", response=Page[DocumentOut])
def list_documents(request: ApiRequest, query: Query[DocumentsQuery]) -> Page[DocumentOut]:
    collection = selectors.get_collection_for(request.auth, query.collection) if query.collection else None
    return page_of(selectors.list_documents_for(request.auth, collection), query, shape)


@router.post("", response={202: DocumentOut})
def upload_document(request: ApiRequest, collection: Form[str], file: File[UploadedFile]) -> Status[Any]:
    document = services.upload_document(
        user=request.auth,
        collection=selectors.get_collection_for(request.auth, collection),
        name=file.name or "",
        data=file,
        media_type=file.content_type or "",
    )
    return Status(202, shape(selectors.get_document_for(request.auth, document.id)))


@router.get("/{uuid:document_id}", response=DocumentOut)
def get_document(request: ApiRequest, document_id: UUID) -> DocumentOut:
    return shape(selectors.get_document_for(request.auth, document_id))


@router.delete("/{uuid:document_id}", response={204: None})
def delete_document(request: ApiRequest, document_id: UUID) -> Status[Any]:
    services.delete_document(user=request.auth, document=selectors.get_document_for(request.auth, document_id))
    return Status(204, None)


@router.post("/{uuid:document_id}/retry", response={202: DocumentOut})
def retry_document(request: ApiRequest, document_id: UUID) -> Status[Any]:
    services.retry_document(user=request.auth, document=selectors.get_document_for(request.auth, document_id))
    return Status(202, shape(selectors.get_document_for(request.auth, document_id)))
