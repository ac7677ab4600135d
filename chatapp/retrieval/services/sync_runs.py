"""Syncs as rows: who may work on which one. The row is the queue; a Celery message only says that there is work."""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce, Now

from chatapp.accounts.models import User
from chatapp.announcer import announce
from chatapp.errors import ChatappError
from chatapp.leases import UNLEASED
from chatapp.retrieval.models import OPEN_STATUSES, Connector, SyncRun, SyncStatus

# Longer than listing a source may take, and than reading one item.
LISTING_LEASE = timedelta(minutes=12)
ITEM_LEASE = timedelta(minutes=3)
MAX_ATTEMPTS = 3
AT_ONCE = 2
_KEPT_RUNS = 50
_SWEEP_BATCH = 20
_BROKEN = "The sync was broken off several times. Tell your administrator if it happens again."


class LeaseLostError(Exception):
    """The run was cancelled, taken over, or its connector is gone."""


@dataclass(frozen=True, slots=True)
class Run:
    """One slice of work on a run, which may write as long as it holds the lease."""

    id: UUID
    lease: UUID
    row: SyncRun

    @property
    def connector(self) -> Connector:
        return self.row.connector

    def rows(self) -> QuerySet[SyncRun]:
        return SyncRun.objects.filter(pk=self.id, lease=self.lease, is_cancelled=False)

    def hold(self) -> None:
        """Within a transaction: nobody else gets the run before its end. Raises LeaseLostError."""
        if self.rows().select_for_update().first() is None:
            raise LeaseLostError

    def report(self, *, lease: timedelta = ITEM_LEASE, outcome: str = "", **changes: object) -> None:
        """Writes to the row, counts one item's `outcome` and renews the lease. Raises LeaseLostError."""
        written: dict[str, Any] = {"lease_until": Now() + lease, **changes}
        if outcome:
            written[outcome] = F(outcome) + 1
        if not self.rows().update(**written):
            raise LeaseLostError

    def release(self, *, went_well: bool) -> None:
        """The next slice may begin; after a slice that went well, attempts count anew."""
        fresh: dict[str, Any] = {"lease": None, "lease_until": None}
        if went_well:
            fresh["attempts"] = 0
        self.rows().update(**fresh)

    def end(self, status: SyncStatus, error: str = "") -> None:
        over: dict[str, Any] = {"lease": None, "lease_until": None, "finished_at": Now()}
        self.rows().update(status=status, error=error[:500], **over)


def queue_run(
    connector: Connector, *, started_by: User | None, only_failed: bool = False, may_remove_many: bool = False
) -> SyncRun:
    """The caller holds the connector's lock. Raises ChatappError("sync_running")."""
    if connector.runs.filter(status__in=OPEN_STATUSES).exists():
        raise ChatappError("sync_running")
    run = SyncRun.objects.create(
        connector=connector, started_by=started_by, only_failed=only_failed, may_remove_many=may_remove_many
    )
    minutes = connector.every_minutes
    following = Now() + timedelta(minutes=minutes) if minutes else None
    Connector.objects.filter(pk=connector.pk).update(next_sync_at=following)
    old = connector.runs.values_list("pk", flat=True)[_KEPT_RUNS:]
    SyncRun.objects.filter(pk__in=list(old)).delete()
    transaction.on_commit(partial(_send, str(run.pk)), robust=True)
    return run


def close_open_runs(connector: Connector) -> int:
    """Whoever works on one notices at the next item."""
    over: dict[str, Any] = {"status": SyncStatus.CANCELLED, "is_cancelled": True, "lease": None, "lease_until": None}
    return connector.runs.filter(status__in=OPEN_STATUSES).update(**over, finished_at=Now())


def claim_run(run_id: UUID) -> Run | None:
    """None when the run is over, held by another worker, or enough others are being worked on."""
    lease = uuid4()
    if SyncRun.objects.filter(status=SyncStatus.RUNNING, lease_until__gt=Now()).count() >= AT_ONCE:
        return None
    taken: dict[str, Any] = {
        "status": SyncStatus.RUNNING,
        "attempts": F("attempts") + 1,
        "lease": lease,
        "lease_until": Now() + LISTING_LEASE,
        "started_at": Coalesce(F("started_at"), Now()),
    }
    if not _free().filter(pk=run_id, attempts__lt=MAX_ATTEMPTS).update(**taken):
        return None
    row = SyncRun.objects.select_related("connector__collection").filter(pk=run_id, lease=lease).first()
    return Run(run_id, lease, row) if row else None


def sweep_runs() -> list[UUID]:
    """Queues the syncs that are due, gives up on those that died too often; returns those that wait for a worker."""
    _queue_due()
    poisoned = _free().filter(attempts__gte=MAX_ATTEMPTS)
    poisoned.update(status=SyncStatus.FAILED, error=_BROKEN, lease=None, finished_at=Now())
    return list(_free().order_by("created_at").values_list("pk", flat=True)[:_SWEEP_BATCH])


def _queue_due() -> None:
    due = Connector.objects.filter(next_sync_at__lte=Now(), is_paused=False, deleted_at=None)
    with transaction.atomic():
        waiting = due.filter(collection__deleted_at=None).order_by("next_sync_at")
        for connector in waiting.select_for_update(skip_locked=True, of=("self",))[:_SWEEP_BATCH]:
            try:
                queue_run(connector, started_by=None)
            except ChatappError:  # It is running still; the next one follows the schedule.
                following = Now() + timedelta(minutes=connector.every_minutes or 60)
                Connector.objects.filter(pk=connector.pk).update(next_sync_at=following)


def _free() -> QuerySet[SyncRun]:
    unfinished = SyncRun.objects.filter(status__in=OPEN_STATUSES, connector__deleted_at=None)
    return unfinished.filter(UNLEASED)


def _send(run_id: str) -> None:
    from chatapp.retrieval.tasks import sync_connector

    announce("sync", partial(sync_connector.delay, run_id))
