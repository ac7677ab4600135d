"""What the page of a connector shows of its syncs."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.core.paginator import Page
from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can
from chatapp.retrieval import selectors
from chatapp.retrieval.models import Connector, SyncedItem, SyncRun

_MAX_SECONDS = 7 * 86_400
# What each kind calls where it reads.
_PLACES = {"folder": "path", "git": "repository", "s3": "endpoint", "web": "url"}


@dataclass(frozen=True, slots=True)
class SyncView:
    """`last` is the newest run, `seconds_left` a guess from its pace so far."""

    connector: Connector
    place: str
    runs: Sequence[SyncRun]
    failed_items: Page[SyncedItem]
    may_change: bool

    @property
    def last(self) -> SyncRun | None:
        return self.runs[0] if self.runs else None

    @property
    def is_busy(self) -> bool:
        return self.last is not None and self.last.is_open

    @property
    def seconds_left(self) -> int | None:
        run = self.last
        if run is None or not run.is_open or not run.total or run.started_at is None:
            return None
        read = run.done - run.unchanged  # What did not change costs no time.
        left = run.total - run.done
        elapsed = (timezone.now() - run.started_at).total_seconds()
        return min(int(elapsed * left / read), _MAX_SECONDS) if read > 0 and left > 0 else None


def sync_view_of(user: User, connector: Connector, *, page: int = 1) -> SyncView:
    return SyncView(
        connector=connector,
        place=place_of(connector),
        runs=selectors.list_runs_for(user, connector),
        failed_items=selectors.page_of_failed_items_for(user, connector, page=page),
        may_change=can(user, "retrieval.change_connectors", connector.collection),
    )


def place_of(connector: Connector) -> str:
    """Where it reads, in a line."""
    place = str(connector.config.get(_PLACES[connector.kind], ""))
    if connector.kind == "s3":
        return f"{place}/{connector.config.get('bucket')}/{connector.config.get('prefix') or ''}"
    branch = connector.config.get("branch")
    return f"{place} ({branch})" if branch else place
