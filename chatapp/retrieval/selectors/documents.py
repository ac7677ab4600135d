"""Documents and their versions, for one user."""

from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.core.files.storage import default_storage
from django.db.models import Count, OuterRef, QuerySet, Subquery

from chatapp.accounts.models import User
from chatapp.errors import ChatappError
from chatapp.retrieval.formats import MEDIA_TYPES, Format
from chatapp.retrieval.models import Chunk, Collection, Document, DocumentVersion
from chatapp.retrieval.page_images import image_key
from chatapp.retrieval.selectors.collections import list_collections_for

DOCUMENTS_PER_PAGE = 50
# Of PostgreSQL's integer, which asks for no greater one.
MAX_NUMBER = 2**31 - 1


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
    if number is None:
        return get_document_for(user, document_id).current
    return get_numbered_version_for(user, document_id, number)


def get_numbered_version_for(user: User | AnonymousUser, document_id: UUID, number: int) -> DocumentVersion:
    """Raises ChatappError("not_found")."""
    document = get_document_for(user, document_id)
    known = DocumentVersion.objects.filter(document=document, number=number) if number <= MAX_NUMBER else None
    version = known.select_related("document__collection").first() if known is not None else None
    if version is None:
        raise ChatappError("not_found")
    return version


def get_printed_version_for(user: User | AnonymousUser, document_id: UUID, number: int, page: int) -> DocumentVersion:
    """A version that has this page, as only PDFs have. Raises ChatappError("not_found")."""
    version = get_numbered_version_for(user, document_id, number)
    if version.media_type != MEDIA_TYPES[Format.PDF] or not 1 <= page <= (version.pages or 0):
        raise ChatappError("not_found")
    return version


def read_page_image(version: DocumentVersion, page: int) -> bytes | None:
    """Of a version that the caller may read; None when it was not drawn yet."""
    try:
        with default_storage.open(image_key(str(version.file.name), page)) as image:
            content: bytes = image.read()
            return content
    except OSError:
        return None
