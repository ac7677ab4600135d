"""What people change at single passages of the current version: their text, and whether search may find them.

A passage whose text changes leaves search at once and comes back when a worker has embedded it anew: it is never found
by what it does not say. Answers that cited it keep the quote of their time.
"""

from django.db import transaction

from chatapp.accounts.models import User
from chatapp.accounts.permissions import require
from chatapp.accounts.services import record_event
from chatapp.errors import ChatappError
from chatapp.retrieval.models import Chunk, Document
from chatapp.retrieval.parsing.cleaning import clean
from chatapp.retrieval.services.indexing import withdraw_passages
from chatapp.retrieval.services.queue import queue_document
from chatapp.retrieval.suspicion import suspicion_of

TEXT_MAX_CHARACTERS = 8_000


@transaction.atomic
def edit_passage(*, user: User, chunk: Chunk, text: str) -> Chunk:
    """Replaces what a passage says; a suspicious text waits for an owner's release.

    Raises ChatappError: forbidden, not_found, invalid, not_current.
    """
    require(user, "retrieval.edit_passage", chunk)
    text = clean(text).strip()
    if not any(map(str.isalnum, text)):
        raise ChatappError("invalid", detail="a passage needs text. Disable it to take it out of search.")
    if len(text) > TEXT_MAX_CHARACTERS:
        raise ChatappError("invalid", detail=f"a passage has at most {TEXT_MAX_CHARACTERS:,} characters.")
    document, locked = _lock(chunk)
    if text == locked.text:
        return locked
    original = locked.original_text or locked.text
    locked.original_text = "" if text == original else original
    locked.text, locked.overlap = text, 0
    locked.quarantine = suspicion_of(heading=locked.heading, text=text)
    locked.save(update_fields=["text", "original_text", "overlap", "quarantine"])
    _read_again(user, document, locked)
    _record(user, "passage.edited", locked)
    return locked


@transaction.atomic
def disable_passage(*, user: User, chunk: Chunk) -> Chunk:
    """Search does not find it any more. Raises ChatappError: forbidden, not_found, not_current."""
    require(user, "retrieval.edit_passage", chunk)
    _, locked = _lock(chunk)
    if not locked.is_disabled:
        locked.is_disabled = True
        locked.save(update_fields=["is_disabled"])
        withdraw_passages([locked.pk])
        _record(user, "passage.disabled", locked)
    return locked


@transaction.atomic
def enable_passage(*, user: User, chunk: Chunk) -> Chunk:
    """Search finds it again, once a worker has embedded it. Raises ChatappError: forbidden, not_found, not_current."""
    require(user, "retrieval.edit_passage", chunk)
    document, locked = _lock(chunk)
    if locked.is_disabled:
        locked.is_disabled = False
        locked.save(update_fields=["is_disabled"])
        _read_again(user, document, locked)
        _record(user, "passage.enabled", locked)
    return locked


@transaction.atomic
def release_passage(*, user: User, chunk: Chunk) -> Chunk:
    """An owner says that a quarantined passage is harmless. Raises ChatappError: forbidden, not_found, not_current."""
    require(user, "retrieval.release_passage", chunk)
    document, locked = _lock(chunk)
    if reason := locked.quarantine:
        locked.quarantine = ""
        locked.save(update_fields=["quarantine"])
        _read_again(user, document, locked)
        _record(user, "passage.released", locked, reason=reason)
    return locked


def _lock(chunk: Chunk) -> tuple[Document, Chunk]:
    """The document first, as workers do: whoever stages or publishes vectors has locked it, too."""
    document = Document.objects.select_for_update(of=("self",)).filter(versions__chunks=chunk.pk).first()
    locked = Chunk.objects.select_for_update(of=("self",)).filter(pk=chunk.pk).select_related("version").first()
    if document is None or locked is None:
        raise ChatappError("not_found")
    newest = document.versions.order_by("-number").values_list("pk", flat=True)[0]
    if not document.current_id == newest == locked.version_id:
        raise ChatappError("not_current")
    return document, locked


def _read_again(user: User, document: Document, chunk: Chunk) -> None:
    withdraw_passages([chunk.pk])
    if not chunk.is_disabled and not chunk.quarantine:
        queue_document(document, party=user.pk)


def _record(user: User, action: str, chunk: Chunk, *, reason: str = "") -> None:
    detail: dict[str, object] = {"ordinal": chunk.ordinal, "version": chunk.version.number}
    if reason:
        detail["quarantine"] = reason
    record_event(actor=user, action=action, obj=chunk, detail=detail)
