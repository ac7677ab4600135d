"""Passages of a document version, for one user."""

from collections.abc import Sequence
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db.models import Count, Q, QuerySet
from django.urls import reverse

from chatapp.accounts.models import User
from chatapp.errors import ChatappError
from chatapp.retrieval.models import Chunk, DocumentVersion
from chatapp.retrieval.selectors.collections import list_collections_for

PASSAGES_PER_PAGE = 500
_STATES = {"quarantined": ~Q(quarantine=""), "disabled": Q(is_disabled=True)}


def count_states(version: DocumentVersion | None) -> dict[str, int]:
    """How many passages of a version that the caller may read search does not find, by why."""
    counts = {state: Count("pk", filter=condition) for state, condition in _STATES.items()}
    return Chunk.objects.filter(version=version).aggregate(**counts)


def list_passages_for(user: User | AnonymousUser, version: DocumentVersion) -> QuerySet[Chunk]:
    visible = list_collections_for(user)
    return Chunk.objects.filter(version=version, collection__in=visible).order_by("ordinal")


def get_passage_for(user: User | AnonymousUser, chunk_id: UUID) -> Chunk:
    """Raises ChatappError("not_found")."""
    chunks = Chunk.objects.filter(collection__in=list_collections_for(user))
    chunk = chunks.select_related("version__document__collection").filter(pk=chunk_id).first()
    if chunk is None:
        raise ChatappError("not_found")
    return chunk


def page_of_passages_for(
    user: User | AnonymousUser, version: DocumentVersion | None, *, start: int, only: str = ""
) -> tuple[list[Chunk], int | None]:
    """Passages from the ordinal `start` on, and the ordinal after them if there are more; `only` those in a state."""
    if version is None:
        return [], None
    wanted = list_passages_for(user, version).filter(_STATES.get(only, Q()), ordinal__gte=start)
    found = list(wanted[: PASSAGES_PER_PAGE + 1])
    following = found[PASSAGES_PER_PAGE].ordinal if len(found) > PASSAGES_PER_PAGE else None
    return found[:PASSAGES_PER_PAGE], following


def passage_url(*, document_id: UUID, version: int, ordinal: int) -> str:
    """Opens the document's text at the passage, also when that is too long for one page."""
    start = ordinal - ordinal % PASSAGES_PER_PAGE
    part = f"&from={start}" if start else ""
    return f"{reverse('document', args=[document_id])}?version={version}{part}#passage-{ordinal}"


def list_neighbours_for(
    user: User | AnonymousUser, places: Sequence[tuple[UUID, int]], *, reach: int
) -> QuerySet[Chunk]:
    """What search may find now of the passages up to `reach` before and behind (version, ordinal), those included."""
    near = Q()
    for version_id, ordinal in places:
        near |= Q(version=version_id, ordinal__range=(ordinal - reach, ordinal + reach))
    if not places:
        return Chunk.objects.none()
    return Chunk.objects.filter(near, entry__isnull=False, collection__in=list_collections_for(user)).order_by(
        "ordinal"
    )


def list_page_passages_for(
    user: User | AnonymousUser, version: DocumentVersion, page: int, *, passage: int | None = None
) -> list[Chunk]:
    """Those that begin on the page, the one before them, which may run over to it, and the one with the ordinal."""
    all_of_it = list_passages_for(user, version)
    before = all_of_it.filter(page__lt=page).order_by("-ordinal").values_list("ordinal", flat=True).first()
    wanted = Q(page=page) | Q(ordinal__in=[number for number in (before, passage) if number is not None])
    return list(all_of_it.filter(wanted)[:PASSAGES_PER_PAGE])
