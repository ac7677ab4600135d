"""What a sync knows of each item, and how an item becomes a document."""

from collections.abc import Iterable
from itertools import islice
from typing import IO

from django.core.files.base import File
from django.db import transaction
from django.db.models import F, Q

from chatapp.retrieval.connectors import KINDS, most_items
from chatapp.retrieval.connectors.base import MAX_KEY, Content, Item, ItemError, Source, SourceError
from chatapp.retrieval.models import Document, SyncedItem
from chatapp.retrieval.names import clean_path
from chatapp.retrieval.services.sync_runs import LISTING_LEASE, Run
from chatapp.retrieval.services.versions import add_version

_BATCH = 500
_MAX_REVISION = 200
# Postgres indexes at most about 2,700 bytes.
_MAX_KEY_BYTES = 2_500


def list_items(run: Run, source: Source) -> None:
    """Notes all that the source has, and which of it is to be read. Raises SourceError, LeaseLostError."""
    connector = run.connector
    connector.items.filter(is_pending=True).update(is_pending=False)
    items = iter(source.list_items())
    most = most_items(connector.kind, connector.config)
    while batch := list(islice(items, _BATCH)):
        if run.row.connector.items.filter(listed_in=run.id).count() + len(batch) > most:
            if not KINDS[connector.kind].finds_by_reading:
                raise SourceError(f"There are more than {most:,} files. Narrow it by a folder, a prefix or patterns.")
            items = iter(())
        _note(run, batch)
        run.report(lease=LISTING_LEASE)
    _end_listing(run, source.revision)


def list_again(run: Run) -> None:
    """Only what failed before."""
    items = run.connector.items
    items.filter(is_pending=True).update(is_pending=False)
    items.exclude(error="").update(is_pending=True, listed_in=run.id, is_gone=False)
    last = run.connector.runs.exclude(revision="").values_list("revision", flat=True).first()
    _end_listing(run, last or "")


def store_item(run: Run, item: SyncedItem, content: Content, file: IO[bytes]) -> None:
    """In one transaction with the run's counts. Raises ItemError, LeaseLostError, and what `add_version` raises."""
    with transaction.atomic():
        run.hold()
        outcome = "unchanged"
        item.is_gone = content.is_left_out
        if not content.is_unchanged and not content.is_left_out:
            outcome = _store_document(run, item, content, file)
            item.revision = (content.revision or item.found_revision)[:_MAX_REVISION]
        links = content.links
        if content.is_unchanged:
            links = [Item(key=key, name=name, depth=depth) for key, name, depth in item.links]
        item.links = [[link.key, link.name, link.depth] for link in links]
        item.is_pending, item.error = False, ""
        item.save()
        more = _note_links(run, links)
        run.report(outcome=outcome, total=F("total") + more)


def fail_item(run: Run, item: SyncedItem, error: str) -> None:
    """It is tried again at the next sync. Raises LeaseLostError."""
    with transaction.atomic():
        run.report(outcome="failed")
        SyncedItem.objects.filter(pk=item.pk).update(is_pending=False, error=error[:500])


def mark_gone(run: Run, item: SyncedItem) -> None:
    """Raises LeaseLostError."""
    with transaction.atomic():
        run.report(total=F("total") - 1)
        SyncedItem.objects.filter(pk=item.pk).update(is_pending=False, is_gone=True, error="")


def _end_listing(run: Run, revision: str) -> None:
    listed = run.connector.items.filter(listed_in=run.id)
    total = listed.count()
    unchanged = total - listed.filter(is_pending=True).count()
    run.report(is_listed=True, revision=revision[:_MAX_REVISION], total=total, unchanged=unchanged)
    run.row.revision = revision


def _note(run: Run, items: Iterable[Item]) -> None:
    connector = run.connector
    rows = {}
    for item in items:
        key, name = _storable(item)
        rows[key] = SyncedItem(
            connector=connector,
            key=key,
            name=name,
            found_revision=item.revision[:_MAX_REVISION],
            depth=item.depth,
            listed_in_id=run.id,
        )
    written = ["found_revision", "depth", "listed_in", "is_gone"]
    if not KINDS[connector.kind].finds_by_reading:
        written.append("name")
    SyncedItem.objects.bulk_create(
        rows.values(), update_conflicts=True, unique_fields=["connector", "key"], update_fields=written
    )
    changed = Q(document=None) | Q(revision="") | ~Q(revision=F("found_revision")) | ~Q(error="")
    connector.items.filter(changed, key__in=rows).update(is_pending=True)


def _note_links(run: Run, links: Iterable[Item]) -> int:
    """Those that are new to this run, up to the connector's limit; how many."""
    connector = run.connector
    found = {link.key: link for link in links}
    if not found:
        return 0
    known = set(connector.items.filter(listed_in=run.id, key__in=found).values_list("key", flat=True))
    room = most_items(connector.kind, connector.config) - connector.items.filter(listed_in=run.id).count()
    fresh = [link for key, link in found.items() if key not in known][: max(0, room)]
    _note(run, fresh)
    return len(fresh)


def _storable(item: Item) -> tuple[str, str]:
    """Key and name as the database takes them; no name where the key cannot be kept as it is."""
    key = item.key.encode("utf-8", "replace").decode().replace("\x00", "")
    if key != item.key or len(key) > MAX_KEY or len(key.encode()) > _MAX_KEY_BYTES:
        return key[: MAX_KEY // 4], ""
    return key, clean_path(item.name)


def _store_document(run: Run, item: SyncedItem, content: Content, file: IO[bytes]) -> str:
    connector = run.connector
    name = clean_path(content.name or item.name)
    namesake = Document.objects.filter(collection=connector.collection_id, name=name, connector=connector)
    if namesake.filter(synced_items__connector=connector).exclude(synced_items=item).exists():
        raise ItemError("Another item of this connector has the same name.")
    document, has_changed = add_version(
        collection=connector.collection,
        name=name,
        file=File(file, name="item"),
        media_type=content.media_type,
        actor=None,
        connector_id=connector.pk,
    )
    before, item.name = item.document_id, name
    item.document = document
    if before is None:
        return "added"
    return "changed" if has_changed or before != document.pk else "unchanged"
