"""Rules, and the runs that follow them: in batches, so that no transaction is long."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.accounts.permissions import require
from chatapp.accounts.services import record_event
from chatapp.conversations.models import Conversation
from chatapp.conversations.services import remove_conversation
from chatapp.errors import ChatappError
from chatapp.privacy.models import DataExport, Kind, RetentionRule, RetentionRun
from chatapp.privacy.selectors.retention import due_now, list_released, list_rules
from chatapp.privacy.services.exports import remove_export
from chatapp.retrieval.models import DocumentVersion
from chatapp.retrieval.services import delete_file_on_commit

BATCH = 200
MOST_BATCHES = 50  # Of one kind in one run; the next run goes on.
MAX_DAYS = 36_500


@transaction.atomic
def set_rule(*, user: User, kind: str, days: int | None) -> RetentionRule:
    """Holds from the next run on. Raises ChatappError: forbidden, invalid."""
    require(user, "privacy.manage")
    if kind not in Kind.values:
        raise ChatappError("invalid", detail="there is no such kind of data.")
    if days is not None and not 1 <= days <= MAX_DAYS:
        raise ChatappError("invalid", detail=f"days are 1 to {MAX_DAYS:,}, or empty for ever.")
    before = list_rules()[Kind(kind)]
    rule, _ = RetentionRule.objects.update_or_create(kind=kind, defaults={"days": days, "updated_by": user})
    record_event(actor=user, action="privacy.retention_set", obj=rule, before={"days": before}, after={"days": days})
    return rule


def run_retention() -> RetentionRun:
    """Deletes what the rules say, and hidden conversations whose hold was released. Two runs at once are harmless."""
    run = RetentionRun.objects.create()
    for kind, days in list_rules().items():
        if days is not None:
            run.removed[kind] = _run_kind(kind, days)
    run.removed["released"] = _delete_in_batches(lambda: list_released())  # noqa: PLW0108 (a new query each time)
    run.removed = {kind: count for kind, count in run.removed.items() if count}
    run.finished_at = timezone.now()
    with transaction.atomic():
        run.save(update_fields=["removed", "finished_at"])
        if run.removed:
            record_event(actor=None, action="privacy.retention_ran", obj=run, detail=dict(run.removed))
    return run


def _run_kind(kind: Kind, days: int) -> int:
    count = len(due_now(kind, days))
    return sum(_delete_in_batches(partial(_nth_due, kind, days, number)) for number in range(count))


def _nth_due(kind: Kind, days: int, number: int) -> Any:
    return due_now(kind, days)[number]


def _delete_in_batches(due: Any) -> int:
    removed = 0
    for _ in range(MOST_BATCHES):
        with transaction.atomic():
            rows = list(due().select_for_update(of=("self",), skip_locked=True).order_by("pk")[:BATCH])
            _delete(rows)
        removed += len(rows)
        if len(rows) < BATCH:
            break
    return removed


def _delete(rows: Sequence[Any]) -> None:
    for row in rows:
        if isinstance(row, Conversation):
            remove_conversation(row)
        elif isinstance(row, DataExport):
            remove_export(row)
        else:
            if isinstance(row, DocumentVersion):
                delete_file_on_commit(str(row.file.name))
            row.delete()
