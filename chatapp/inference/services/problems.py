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
