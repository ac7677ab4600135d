from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.accounts.permissions import require
from chatapp.accounts.services import record_event
from chatapp.errors import ChatappError
from chatapp.inference.models import ModelVersion, VersionProblem
from chatapp.inference.selectors import list_served_versions

# Each worker has looked at a version of this age: it does so with its heartbeat.
_LOOKED_AT_AFTER = timedelta(seconds=15)
_LONGEST_REASON = 500


def report_problem(*, version: ModelVersion, worker: str, reason: str) -> None:
    """The version cannot answer on this worker; the newest reason stands."""
    VersionProblem.objects.update_or_create(
        version=version, worker=worker, defaults={"reason": reason[:_LONGEST_REASON]}
    )


def clear_problem(*, version: ModelVersion, worker: str) -> None:
    """It can again, or the worker has left."""
    VersionProblem.objects.filter(version=version, worker=worker).delete()


def require_served(version: ModelVersion) -> None:
    """Raises ChatappError("invalid") when the workers that are ready have said that none can answer with it."""
    served = list_served_versions()
    if served is None or version.id in served or version.created_at > timezone.now() - _LOOKED_AT_AFTER:
        return
    problem = VersionProblem.objects.filter(version=version).order_by("-since").first()
    reason = problem.reason if problem else "its weights are on none of their machines."
    raise ChatappError("invalid", detail=f"no worker can answer with {version.name}: {reason}")


@transaction.atomic
def retry_version(*, user: User | None, version: ModelVersion) -> None:
    """Every worker that gave it up tries again: it sees that its problem was taken away.

    Raises ChatappError("forbidden").
    """
    if user is not None:
        require(user, "inference.serve_version", version)
    try_again(actor=user, version=version)


def try_again(*, actor: User | None, version: ModelVersion) -> None:
    """As `retry_version`, where the right to the change that asks for it was checked."""
    gone, _ = VersionProblem.objects.filter(version=version).delete()
    if gone:
        record_event(actor=actor, action="inference.version_retried", obj=version, detail={"workers": gone})
