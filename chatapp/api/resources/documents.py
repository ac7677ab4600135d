from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Field, File, Form, Query, Router, Schema, UploadedFile
from ninja.responses import Status

from chatapp.api.auth import ApiRequest, BearerKey
from chatapp.api.lists import ListQuery, Page, page_of
from chatapp.retrieval import selectors, services
from chatapp.retrieval.models import Document, DocumentVersion

router = Router(tags=["documents"], auth=BearerKey("documents:read", "documents:write"))


class DocumentsQuery(ListQuery):
    collection: str | None = Field(None, max_length=64, description="Slug; only documents of this collection.")


class VersionOut(Schema):
    number: int
    created_at: datetime
    size: int
    sha256: str
    pages: int | None
    chunks: int
    notes: list[str] = Field(description="What could not be read, or was left out.")
    restored_from: int | None
    current: bool = Field(description="The one that search reads.")


class VersionsOut(Schema):
    items: list[VersionOut]
    next: None = None


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


def shape_version(document: Document, version: DocumentVersion) -> VersionOut:
    return VersionOut(
        number=version.number,
        created_at=version.created_at,
        size=version.size,
        sha256=version.sha256,
        pages=version.pages,
        chunks=getattr(version, "chunk_count", 0),
        notes=version.notes,
        restored_from=version.restored_from.number if version.restored_from else None,
        current=version.pk == document.current_id,
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


@router.get("/{uuid:document_id}/versions", response=VersionsOut)
def list_versions(request: ApiRequest, document_id: UUID) -> VersionsOut:
    """The newest 50, newest first."""
    document = selectors.get_document_for(request.auth, document_id)
    versions = selectors.list_versions_for(request.auth, document)[: selectors.VERSIONS_SHOWN]
    return VersionsOut(items=[shape_version(document, version) for version in versions])


@router.post("/{uuid:document_id}/versions/{int:number}/restore", response={202: DocumentOut})
def restore_version(request: ApiRequest, document_id: UUID, number: int) -> Status[Any]:
    version = selectors.get_numbered_version_for(request.auth, document_id, number)
    services.restore_version(user=request.auth, version=version)
    return Status(202, shape(selectors.get_document_for(request.auth, document_id)))
