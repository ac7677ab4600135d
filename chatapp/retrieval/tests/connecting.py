"""Connectors for tests: made by their owner and synced at once in this process."""

from typing import Any

from chatapp.accounts.models import User
from chatapp.retrieval import services
from chatapp.retrieval.models import OPEN_STATUSES, Collection, Connector, SyncRun


def connect(
    user: User, collection: Collection, kind: str, *, secret: str = "", name: str = "Wiki", **config: Any
) -> Connector:
    return services.create_connector(
        user=user, collection=collection, kind=kind, name=name, config=config, secret=secret
    )


def sync(connector: Connector, user: User | None = None, **how: Any) -> SyncRun:
    """Works on the run that waits, or on a new one of the user, until it is over."""
    if user is not None and not connector.runs.filter(status__in=OPEN_STATUSES).exists():
        services.start_sync(user=user, connector=connector, **how)
    run: SyncRun = connector.runs.first()  # type: ignore[assignment]
    while services.run_sync(run_id=run.pk):
        pass
    run.refresh_from_db()
    return run


def names(collection: Collection) -> set[str]:
    return set(collection.documents.values_list("name", flat=True))


def counts(run: SyncRun) -> tuple[str, int, int, int, int, int]:
    return run.status, run.added, run.changed, run.unchanged, run.removed, run.failed
