"""Asking that a version be brought here and looked at. A worker does it, see `download_runs` and `verification`."""

from functools import partial
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from chatapp.accounts.models import User
from chatapp.accounts.permissions import require
from chatapp.accounts.services import record_event
from chatapp.announcer import announce
from chatapp.errors import ChatappError
from chatapp.inference.models import OPEN_DOWNLOADS, Download, DownloadState, ModelVersion, VersionState

_KEPT = 20
_CLOSED = (VersionState.REJECTED, VersionState.RETIRED)


@transaction.atomic
def request_download(version: ModelVersion, *, user: User | None = None) -> Download:
    """In the background the weights are fetched, if they are not here, and checked; a draft becomes verified then.

    An external version is asked a question instead. The open one, where there is one already. Raises ChatappError:
    forbidden; invalid for a version that answers nobody any more.
    """
    if user is not None:
        require(user, "inference.register_version", version)
    if version.state in _CLOSED:
        raise ChatappError("invalid", detail=f"{version.name} is {version.state}; take it back first.")
    download, is_new = queue_download(version, user=user)
    if is_new:
        record_event(actor=user, action="inference.download_requested", obj=version, detail={"name": version.name})
    return download


def queue_download(version: ModelVersion, *, user: User | None) -> tuple[Download, bool]:
    """The caller has checked the right and says in the audit log why."""
    try:
        with transaction.atomic():
            download = Download.objects.create(version=version, started_by=user)
    except IntegrityError:
        return Download.objects.get(version=version, state__in=OPEN_DOWNLOADS), False
    old = version.downloads.values_list("pk", flat=True)[_KEPT:]
    Download.objects.filter(pk__in=list(old)).delete()
    transaction.on_commit(partial(_send, download.pk), robust=True)
    return download, True


@transaction.atomic
def cancel_download(*, user: User | None, version: ModelVersion) -> bool:
    """What is here by then stays for the next try, a day long. False when there was none. Raises forbidden."""
    if user is not None:
        require(user, "inference.register_version", version)
    over = {"state": DownloadState.CANCELLED, "lease": None, "lease_until": None, "finished_at": Now()}
    if not version.downloads.filter(state__in=OPEN_DOWNLOADS).update(**over):
        return False
    record_event(actor=user, action="inference.download_cancelled", obj=version, detail={"name": version.name})
    return True


def _send(download_id: UUID) -> None:
    from chatapp.inference.tasks import fetch_weights

    announce("download", partial(fetch_weights.delay, str(download_id)))
