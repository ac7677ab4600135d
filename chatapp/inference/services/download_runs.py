"""Downloads as rows: who may work on which one. The row is the queue; a Celery message only says that there is work."""

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db.models import F, QuerySet
from django.db.models.functions import Now

from chatapp.inference.artifacts import Progress
from chatapp.inference.models import OPEN_DOWNLOADS, Download, DownloadState, ModelVersion, VersionState
from chatapp.leases import UNLEASED

LEASE = timedelta(seconds=60)
SLICE_SECONDS = 30.0
AT_ONCE = 2
MAX_ATTEMPTS = 3
_REPORT_SECONDS = 1.0
_SWEEP_BATCH = 20
_LONGEST_ERROR = 1000
_BROKEN = "The download was broken off several times. Start it again, and look into the log of the workers if it fails."


class LeaseLostError(Exception):
    """The download was cancelled, or another worker has taken it over."""


class SliceOverError(Exception):
    """Others have their turn; what is here by now is of use in the next slice."""


@dataclass(slots=True)
class Run:
    """One slice of work on a download, which may write as long as it holds the lease."""

    row: Download
    lease: UUID
    until: float
    written_at: float = 0.0

    @property
    def version(self) -> ModelVersion:
        return self.row.version

    def rows(self) -> QuerySet[Download]:
        return Download.objects.filter(pk=self.row.pk, lease=self.lease)

    def report(self, progress: Progress) -> None:
        """About once a second it is written and renews the lease. Raises LeaseLostError, SliceOverError."""
        now = time.monotonic()
        if now - self.written_at < _REPORT_SECONDS and progress.stage != "ready":
            return
        self.written_at = now
        said = {"stage": progress.stage, "source": progress.source[:300], "done_bytes": progress.done_bytes}
        # New bytes are progress; a file that ends whoever looks at it is none.
        is_new = progress.stage == "downloading" and progress.done_bytes > self.row.done_bytes
        self.renew(**said, total_bytes=progress.total_bytes, **({"attempts": 0} if is_new else {}))
        # Packages cannot be left in the middle, and hashing would begin anew.
        if now > self.until and progress.stage == "downloading" and not progress.source.startswith("package"):
            raise SliceOverError

    def renew(self, **changes: object) -> None:
        """Raises LeaseLostError."""
        written: dict[str, Any] = {"lease_until": Now() + LEASE, **changes}
        if not self.rows().update(**written):
            raise LeaseLostError

    def release(self) -> None:
        """Nobody died."""
        self.rows().update(lease=None, lease_until=None, attempts=0)

    def end(self, state: DownloadState, error: str = "") -> bool:
        """False when the lease was lost: somebody else's word counts."""
        over: dict[str, Any] = {"lease": None, "lease_until": None, "finished_at": Now()}
        return bool(self.rows().update(state=state, error=error[:_LONGEST_ERROR], **over))


def claim_download(download_id: UUID) -> Run | None:
    """None when it is over, held by another worker, or enough others are being worked on."""
    lease = uuid4()
    if Download.objects.filter(state=DownloadState.RUNNING, lease_until__gt=Now()).count() >= AT_ONCE:
        return None
    taken: dict[str, Any] = {
        "state": DownloadState.RUNNING,
        "attempts": F("attempts") + 1,
        "lease": lease,
        "lease_until": Now() + LEASE,
    }
    if not _free().filter(pk=download_id, attempts__lt=MAX_ATTEMPTS).update(**taken):
        return None
    row = Download.objects.select_related("version").filter(pk=download_id, lease=lease).first()
    return Run(row, lease, time.monotonic() + SLICE_SECONDS) if row else None


def sweep_downloads() -> list[UUID]:
    """Gives up on those that died too often, or that nobody wants; returns those that wait for a worker."""
    poisoned = _free().filter(attempts__gte=MAX_ATTEMPTS)
    poisoned.update(state=DownloadState.FAILED, error=_BROKEN, lease=None, finished_at=Now())
    closed = _free().filter(version__state__in=[VersionState.REJECTED, VersionState.RETIRED])
    closed.update(state=DownloadState.CANCELLED, lease=None, finished_at=Now())
    return list(_free().order_by("created_at").values_list("pk", flat=True)[:_SWEEP_BATCH])


def _free() -> QuerySet[Download]:
    unfinished = Download.objects.filter(state__in=OPEN_DOWNLOADS)
    return unfinished.filter(UNLEASED)
