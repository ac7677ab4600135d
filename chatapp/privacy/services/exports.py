"""Archives of one person's own data, made in the background. The row is the queue: a task only says there is work."""

import tempfile
import zipfile
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import IO
from uuid import UUID

import structlog
from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.accounts.services import record_event
from chatapp.announcer import announce
from chatapp.errors import ChatappError
from chatapp.leases import UNLEASED
from chatapp.privacy.models import DataExport, ExportStatus
from chatapp.privacy.selectors.archive import count_parts, parts_of
from chatapp.privacy.selectors.exports import get_ready_export_for
from chatapp.privacy.vault import key_of, seal

LEASE = timedelta(minutes=10)
MAX_ATTEMPTS = 2
MAX_BYTES = 2 * 1024**3
MAX_A_DAY = 3
SWEPT_AT_ONCE = 20
log = structlog.get_logger(__name__)


class TooLargeError(Exception):
    """The archive would be larger than MAX_BYTES."""


def request_export(*, user: User) -> DataExport:
    """One at a time, and MAX_A_DAY. Raises ChatappError: export_running, export_limit."""
    day = timezone.now() - timedelta(days=1)
    if DataExport.objects.filter(user=user, created_at__gt=day).count() >= MAX_A_DAY:
        raise ChatappError("export_limit", limit=MAX_A_DAY)
    try:
        with transaction.atomic():
            export = DataExport.objects.create(user=user)
            record_event(actor=user, action="privacy.export_requested", obj=export)
            transaction.on_commit(partial(_send, str(export.id)), robust=True)
    except IntegrityError:
        raise ChatappError("export_running") from None
    return export


def open_export(*, user: User, export_id: UUID) -> DataExport:
    """To be downloaded now, which is written down. Raises ChatappError("not_found")."""
    export = get_ready_export_for(user, export_id)
    record_event(actor=user, action="privacy.export_downloaded", obj=export)
    return export


def make_export(*, export_id: UUID) -> None:
    """Does nothing when it is gone, done or being made, so a message may come twice."""
    export = _claim(export_id)
    if export is None:
        return
    try:
        with tempfile.TemporaryFile() as archive:
            _write(export, archive)
            _store(export, archive)
    except TooLargeError:
        _fail(export, "There is more than an archive holds. Ask your administrator.")
    except Exception:
        log.exception("export_failed", export=str(export.id))
        if export.attempts >= MAX_ATTEMPTS:
            _fail(export, "The archive could not be made. Try again, or tell your administrator.")
        else:
            _held(export).update(status=ExportStatus.WAITING, lease_until=None)


def sweep_exports() -> list[UUID]:
    """Removes what has expired and gives up on what failed too often; returns what waits for a worker."""
    for export in DataExport.objects.filter(expires_at__lt=Now())[:SWEPT_AT_ONCE]:
        with transaction.atomic():
            remove_export(export)
    _unleased().filter(attempts__gte=MAX_ATTEMPTS).update(
        status=ExportStatus.FAILED, error="The archive could not be made. Tell your administrator."
    )
    return list(_unleased().order_by("created_at").values_list("id", flat=True)[:SWEPT_AT_ONCE])


def remove_export(export: DataExport) -> None:
    """Row and file, in the caller's transaction."""
    if export.file:
        transaction.on_commit(partial(default_storage.delete, export.file), robust=True)
    export.delete()


def list_keys_of_archives() -> set[str]:
    """Data keys that archives are under."""
    found = set()
    for name in DataExport.objects.exclude(file="").values_list("file", flat=True):
        if default_storage.exists(name):
            with default_storage.open(name) as stored:
                found.add(key_of(stored))
    return found


def _send(export_id: str) -> None:
    from chatapp.privacy.tasks import make_export as task

    announce("export", partial(task.delay, export_id))


def _unleased() -> QuerySet[DataExport]:
    unfinished = DataExport.objects.filter(status__in=[ExportStatus.WAITING, ExportStatus.RUNNING])
    return unfinished.filter(UNLEASED)


def _claim(export_id: UUID) -> DataExport | None:
    free = _unleased().filter(id=export_id, attempts__lt=MAX_ATTEMPTS, user__is_active=True)
    claimed = free.update(
        status=ExportStatus.RUNNING, attempts=F("attempts") + 1, progress=0, lease_until=Now() + LEASE
    )
    return DataExport.objects.select_related("user").get(id=export_id) if claimed else None


def _held(export: DataExport) -> QuerySet[DataExport]:
    return DataExport.objects.filter(id=export.id, status=ExportStatus.RUNNING, attempts=export.attempts)


def _write(export: DataExport, archive: IO[bytes]) -> None:
    total = max(count_parts(export.user), 1)
    shown = 0
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for number, (name, content) in enumerate(parts_of(export.user), start=1):
            packed.writestr(name, content)
            if archive.tell() > MAX_BYTES:
                raise TooLargeError
            percent = min(95, 95 * number // total)
            if percent > shown:
                shown = percent
                _held(export).update(progress=percent, lease_until=Now() + LEASE)


def _store(export: DataExport, archive: IO[bytes]) -> None:
    size = archive.tell()
    archive.seek(0)
    with tempfile.TemporaryDirectory() as folder:
        sealed = Path(folder) / "archive"
        with sealed.open("wb") as target:
            seal(archive, target, name=str(export.id))
        with sealed.open("rb") as source:
            file = default_storage.save(f"exports/{export.id.hex}-{export.attempts}", File(source))
    done = _held(export).update(
        status=ExportStatus.READY,
        file=file,
        size=size,
        progress=100,
        lease_until=None,
        finished_at=Now(),
        expires_at=Now() + timedelta(days=settings.EXPORT_DAYS),
    )
    if not done:  # Erased or taken over meanwhile.
        default_storage.delete(file)


def _fail(export: DataExport, sentence: str) -> None:
    _held(export).update(status=ExportStatus.FAILED, error=sentence, lease_until=None, finished_at=Now())
