"""From one embedding model to another one without an outage: begin, pause, give up, swap, go back.

Every change locks the rows of all kept indexes, in one order. Publishing passages holds the serving one's row, so a
swap waits for it, and what is published afterwards has vectors of the new serving index.
"""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from chatapp.accounts.models import User
from chatapp.accounts.permissions import require
from chatapp.accounts.services import record_event
from chatapp.errors import ChatappError
from chatapp.retrieval.embedding_models import list_folders
from chatapp.retrieval.models import EmbeddingIndex, IndexState
from chatapp.retrieval.selectors.indexes import count_missing
from chatapp.retrieval.services.hnsw import is_searchable

_IN_THE_MAKING = (IndexState.FILLING, IndexState.PAUSED, IndexState.READY)
_DROPPABLE = (*_IN_THE_MAKING, IndexState.RETIRED)


@transaction.atomic
def start_index(*, user: User, model: str) -> EmbeddingIndex:
    """An empty index beside the serving one; workers fill it. One at a time is made.

    Raises ChatappError: "forbidden", "embedding_model" for a folder that is not there or cannot be used, "index_busy".
    """
    require(user, "retrieval.manage_indexes")
    folder = next((folder for folder in list_folders() if folder.name == model), None)
    if folder is None or folder.problem:
        raise ChatappError("embedding_model", problem=folder.problem if folder else "There is no model of that name.")
    for index in _lock_all().values():
        if index.state in _IN_THE_MAKING:
            raise ChatappError("index_busy", model=index.model)
    index = EmbeddingIndex.objects.create(model=model, started_by=user)
    record_event(actor=user, action="retrieval.index_started", obj=index, detail=_detail(index))
    return index


@transaction.atomic
def pause_index(*, user: User, index: EmbeddingIndex) -> None:
    """Raises ChatappError: "forbidden", "not_found", "index_state"."""
    _move(user, index, (IndexState.FILLING,), IndexState.PAUSED, "retrieval.index_paused")


@transaction.atomic
def resume_index(*, user: User, index: EmbeddingIndex) -> None:
    """Raises ChatappError: "forbidden", "not_found", "index_state"."""
    _move(user, index, (IndexState.PAUSED,), IndexState.FILLING, "retrieval.index_resumed")


@transaction.atomic
def abort_index(*, user: User, index: EmbeddingIndex) -> None:
    """Gives up one that is being made, or a retired one before its time. Workers take its vectors away.

    Raises ChatappError: "forbidden", "not_found", "index_state".
    """
    _move(user, index, _DROPPABLE, IndexState.DROPPED, "retrieval.index_aborted")


@transaction.atomic
def swap_index(*, user: User, index: EmbeddingIndex) -> None:
    """Search reads this index from its next query on; the one before is kept INDEX_KEPT_DAYS days.

    Raises ChatappError: "forbidden", "not_found", "index_state", "index_incomplete" while a passage lacks a vector,
    "embedding_model" while a worker cannot load its model.
    """
    _serve(user, index, IndexState.READY, "retrieval.index_swapped")


@transaction.atomic
def roll_back_index(*, user: User, index: EmbeddingIndex) -> None:
    """Search reads a retired index again, which has grown with the documents. Raises as `swap_index` does."""
    _serve(user, index, IndexState.RETIRED, "retrieval.index_rolled_back")


@transaction.atomic
def drop_expired_indexes() -> int:
    """How many retired indexes were kept long enough."""
    kept = EmbeddingIndex.objects.select_for_update().filter(state=IndexState.RETIRED)
    expired = kept.filter(state_at__lte=Now() - timedelta(days=settings.INDEX_KEPT_DAYS)).order_by("pk")
    dropped = list(expired)
    for index in dropped:
        _set(index, IndexState.DROPPED)
        record_event(actor=None, action="retrieval.index_expired", obj=index, detail=_detail(index))
    return len(dropped)


def _lock_all() -> dict[int, EmbeddingIndex]:
    kept = EmbeddingIndex.objects.select_for_update().exclude(state=IndexState.DROPPED)
    return {index.pk: index for index in kept.order_by("pk")}


def _move(user: User, index: EmbeddingIndex, before: tuple[IndexState, ...], after: IndexState, action: str) -> None:
    require(user, "retrieval.manage_indexes")
    found = _lock_all().get(index.pk)
    if found is None:
        raise ChatappError("not_found")
    if found.state not in before:
        raise ChatappError("index_state", state=found.get_state_display().lower())
    _set(found, after)
    record_event(actor=user, action=action, obj=found, detail=_detail(found))


def _serve(user: User, index: EmbeddingIndex, before: IndexState, action: str) -> None:
    require(user, "retrieval.manage_indexes")
    kept = _lock_all()
    found = kept.get(index.pk)
    if found is None:
        raise ChatappError("not_found")
    if found.state != before or not is_searchable(found):
        raise ChatappError("index_state", state=found.get_state_display().lower())
    if found.error:
        raise ChatappError("embedding_model", problem=found.error)
    missing = count_missing(found)
    if missing:
        raise ChatappError("index_incomplete", missing=missing)
    for serving in [one for one in kept.values() if one.state == IndexState.SERVING]:
        _set(serving, IndexState.RETIRED)
    _set(found, IndexState.SERVING)
    record_event(actor=user, action=action, obj=found, detail=_detail(found))


def _set(index: EmbeddingIndex, state: IndexState) -> None:
    """A run that holds the lease finds no row any more, so it writes nothing."""
    EmbeddingIndex.objects.filter(pk=index.pk).update(
        state=state, state_at=Now(), error="", lease=None, lease_until=None, filled_at=None
    )


def _detail(index: EmbeddingIndex) -> dict[str, object]:
    return {"model": index.model, "index": index.pk}
