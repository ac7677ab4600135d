"""A sync, in slices: list the source, read what changed, remove what is gone. Each step may be done again."""

import time
from tempfile import TemporaryFile
from uuid import UUID

import structlog
from django.db import DatabaseError

from chatapp.errors import ChatappError
from chatapp.retrieval.connectors import KINDS, open_source
from chatapp.retrieval.connectors.base import ItemError, ItemGoneError, Known, Source, SourceError
from chatapp.retrieval.models import SyncedItem, SyncStatus
from chatapp.retrieval.services.sync_items import fail_item, list_again, list_items, mark_gone, store_item
from chatapp.retrieval.services.sync_removal import remove_vanished
from chatapp.retrieval.services.sync_runs import LeaseLostError, Run, claim_run

log = structlog.get_logger(__name__)

# Other work of the same queue waits no longer for a sync than this and one item.
SLICE_SECONDS = 5.0
_NO_NAME = "Its name is too long, or no readable text."
_UNREADABLE = "It could not be read. Tell your administrator if it happens again."


def run_sync(*, run_id: UUID, seconds: float = SLICE_SECONDS) -> bool:
    """One slice of a sync; whether there is more to do. Does nothing when somebody else is at it."""
    run = claim_run(run_id)
    if run is None:
        return False
    try:
        is_over = _work(run, until=time.monotonic() + seconds)
    except LeaseLostError:
        log.info("sync_superseded", run=str(run_id))
        return False
    except SourceError as error:
        run.end(SyncStatus.FAILED, str(error))
        return False
    except Exception:
        log.exception("sync_failed", run=str(run_id))
        run.release(went_well=False)
        return False
    if not is_over:
        run.release(went_well=True)
    return not is_over


def _work(run: Run, *, until: float) -> bool:
    connector = run.connector
    source = open_source(
        kind=connector.kind,
        config=connector.config,
        secret=connector.secret,
        connector_id=connector.pk,
        revision=run.row.revision,
    )
    if not run.row.is_listed:
        if run.row.only_failed:
            list_again(run)
        else:
            list_items(run, source)
    if not _read(run, source, until=until):
        return False
    if run.row.only_failed:
        run.end(SyncStatus.COMPLETE)
        return True
    return remove_vanished(run, until=until)


def _read(run: Run, source: Source, *, until: float) -> bool:
    """One item at least, so that every slice gets on; whether none is left."""
    pending = run.connector.items.filter(is_pending=True)
    while item := pending.first():
        run.report()
        _read_item(run, source, item)
        if time.monotonic() > until:
            return not pending.exists()
    return True


def _read_item(run: Run, source: Source, item: SyncedItem) -> None:
    if not item.name:
        fail_item(run, item, _NO_NAME)
        return
    by_reading = KINDS[run.connector.kind].finds_by_reading
    revision = item.revision if by_reading else item.found_revision
    known = Known(item.key, revision if item.document_id or not by_reading else "", item.depth)
    with TemporaryFile() as file:
        try:
            store_item(run, item, source.read_item(known, file), file)
        except ItemGoneError:
            mark_gone(run, item)
        except ItemError as error:
            fail_item(run, item, str(error))
        except ChatappError as error:
            fail_item(run, item, error.message)
        except (LeaseLostError, SourceError, DatabaseError):
            raise
        except Exception:
            log.exception("item_failed", connector=str(run.connector.pk), item=item.pk)
            fail_item(run, item, _UNREADABLE)
