"""Documents and their versions, for one user."""

from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db.models import Count, OuterRef, QuerySet, Subquery

from chatapp.accounts.models import User
from chatapp.errors import ChatappError
from chatapp.retrieval.models import Chunk, Collection, Document, DocumentVersion
from chatapp.retrieval.selectors.collections import list_collections_for

DOCUMENTS_PER_PAGE = 50


def list_documents_for(user: User | AnonymousUser, collection: Collection | None = None) -> QuerySet[Document]:
    """Newest first, with `chunk_count` of the version that is searched."""
    chunks = Chunk.objects.filter(version=OuterRef("current")).order_by().values("version")
    documents = (
        Document.objects.filter(collection__in=list_collections_for(user))
        .select_related("collection", "current")
        .annotate(chunk_count=Subquery(chunks.annotate(total=Count("pk")).values("total")))
    )
    return documents.filter(collection=collection) if collection else documents


def get_document_for(user: User | AnonymousUser, document_id: UUID) -> Document:
    """Raises ChatappError("not_found")."""
    document = list_documents_for(user).filter(pk=document_id).first()
    if document is None:
        raise ChatappError("not_found")
    return document


def get_version_for(user: User | AnonymousUser, document_id: UUID, number: int | None = None) -> DocumentVersion | None:
    """The asked version, else the one that is searched, else None. Raises ChatappError("not_found")."""
    document = get_document_for(user, document_id)
    if number is None:
        return document.current
    version = DocumentVersion.objects.filter(document=document, number=number).first()
    if version is None:
        raise ChatappError("not_found")
    return version
