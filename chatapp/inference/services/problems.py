from django.db import transaction

from chatapp.accounts.models import User
from chatapp.accounts.permissions import require
from chatapp.accounts.services import record_event
from chatapp.inference.models import ModelVersion, VersionProblem

_LONGEST_REASON = 500


def report_problem(*, version: ModelVersion, worker: str, reason: str) -> None:
    """The version cannot answer on this worker; the newest reason stands."""
    VersionProblem.objects.update_or_create(
        version=version, worker=worker, defaults={"reason": reason[:_LONGEST_REASON]}
    )


def clear_problem(*, version: ModelVersion, worker: str) -> None:
    """It can again, or the worker has left."""
    VersionProblem.objects.filter(version=version, worker=worker).delete()


@transaction.atomic
def retry_version(*, user: User | None, version: ModelVersion) -> None:
    """Every worker that gave it up tries again: it sees that its problem was taken away.

    Raises ChatappError("forbidden").
    """
    if user is not None:
        require(user, "inference.serve_version", version)
    gone, _ = VersionProblem.objects.filter(version=version).delete()
    if gone:
        record_event(actor=user, action="inference.version_retried", obj=version, detail={"workers": gone})
