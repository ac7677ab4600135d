"""The only way to collections and documents from outside this app; every function answers for one user."""

from collections.abc import Iterable
from uuid import UUID

from django.contrib.auth.models import AnonymousUser, Group
from django.core.paginator import Page, Paginator
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.urls import reverse

from chatapp.accounts.models import User
from chatapp.errors import ChatappError
from chatapp.retrieval.models import (
    AccessRole,
    Chunk,
    Collection,
    CollectionAccess,
    Document,
    DocumentStatus,
    DocumentVersion,
)

DOCUMENTS_PER_PAGE = 50
PASSAGES_PER_PAGE = 500
_STRENGTH = {AccessRole.READER: 1, AccessRole.EDITOR: 2, AccessRole.OWNER: 3}


def role_of(user: User | AnonymousUser, collection: Collection) -> AccessRole | None:
    """The strongest role that one of the user's groups gives; who made the collection owns it."""
    if not isinstance(user, User) or not user.is_active:
        return None
    if collection.created_by_id == user.pk:
        return AccessRole.OWNER
    granted = CollectionAccess.objects.filter(collection=collection, group__user=user).values_list("role", flat=True)
    return max((AccessRole(role) for role in granted), key=_STRENGTH.__getitem__, default=None)


def list_collections_for(user: User | AnonymousUser) -> QuerySet[Collection]:
    if not isinstance(user, User) or not user.is_active:
        return Collection.objects.none()
    granted = CollectionAccess.objects.filter(group__user=user).values("collection")
    return Collection.objects.filter(Q(created_by=user) | Q(pk__in=granted)).order_by("name", "id")


def get_collection_for(user: User | AnonymousUser, slug: str) -> Collection:
    """Raises ChatappError("not_found")."""
    collection = list_collections_for(user).filter(slug=slug).first() if "\x00" not in slug else None
    if collection is None:
        raise ChatappError("not_found")
    return collection


def require_collections(user: User | AnonymousUser, slugs: Iterable[str]) -> list[Collection]:
    """Raises ChatappError("not_found") when one of the slugs is unknown or not visible."""
    wanted = set(slugs)
    if any("\x00" in slug for slug in wanted):
        raise ChatappError("not_found")
    found = list(list_collections_for(user).filter(slug__in=wanted))
    if len(found) != len(wanted):
        raise ChatappError("not_found")
    return found


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


def list_passages_for(user: User | AnonymousUser, version: DocumentVersion) -> QuerySet[Chunk]:
    visible = list_collections_for(user)
    return (
        Chunk.objects.filter(version=version, collection__in=visible).order_by("ordinal").defer("embedding", "search")
    )


def get_passage_for(user: User | AnonymousUser, chunk_id: UUID) -> Chunk:
    """Raises ChatappError("not_found")."""
    chunks = Chunk.objects.filter(collection__in=list_collections_for(user)).defer("embedding", "search")
    chunk = chunks.select_related("version__document").filter(pk=chunk_id).first()
    if chunk is None:
        raise ChatappError("not_found")
    return chunk


def page_of_documents_for(user: User | AnonymousUser, collection: Collection, *, page: int) -> Page[Document]:
    """A page past the end is the last one."""
    return Paginator(list_documents_for(user, collection), DOCUMENTS_PER_PAGE).get_page(page)


def page_of_passages_for(
    user: User | AnonymousUser, version: DocumentVersion | None, *, start: int
) -> tuple[list[Chunk], int | None]:
    """Passages from the ordinal `start` on, and the ordinal after them if there are more."""
    if version is None:
        return [], None
    found = list(list_passages_for(user, version).filter(ordinal__gte=start)[: PASSAGES_PER_PAGE + 1])
    following = found[PASSAGES_PER_PAGE].ordinal if len(found) > PASSAGES_PER_PAGE else None
    return found[:PASSAGES_PER_PAGE], following


def passage_url(*, document_id: UUID, version: int, ordinal: int) -> str:
    """Opens the document's text at the passage, also when that is too long for one page."""
    start = ordinal - ordinal % PASSAGES_PER_PAGE
    part = f"&from={start}" if start else ""
    return f"{reverse('document', args=[document_id])}?version={version}{part}#passage-{ordinal}"


def list_groups() -> QuerySet[Group]:
    """Names of the company's groups, which everybody may know who can grant access."""
    return Group.objects.order_by("name")


def has_unfinished_documents(user: User | AnonymousUser, collection: Collection) -> bool:
    unfinished = [DocumentStatus.WAITING, DocumentStatus.PROCESSING]
    return list_documents_for(user, collection).filter(status__in=unfinished).exists()


def get_reader(user_id: UUID) -> User | None:
    """The user in whose name a worker searches, as long as the account is active."""
    return User.objects.filter(pk=user_id, is_active=True).first()
