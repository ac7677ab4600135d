"""Numbers and chains the audit events that are committed, in the order of their time."""

from django.db import connection, transaction

from chatapp.accounts.chain import BEGINNING, digest_of_name, hash_of
from chatapp.accounts.models import AuditEvent
from chatapp.accounts.selectors.chain import find_head

BATCH = 500
BATCHES_OF_A_TASK = 4
SEALER_LOCK = 7_302
SEALED_COLUMNS = ["number", "name_digest", "previous_hash", "hash"]


def seal_events() -> int:
    """Seals all that wait, in batches; how many. Sealers on several machines follow each other."""
    sealed = count = _seal_batch(wait=True)
    while count == BATCH:
        count = _seal_batch(wait=True)
        sealed += count
    return sealed


def seal_some_events() -> int:
    """For a task that comes again: at most a few batches, and none while somebody else seals."""
    sealed = 0
    for _ in range(BATCHES_OF_A_TASK):
        count = _seal_batch(wait=False)
        sealed += count
        if count < BATCH:
            break
    return sealed


@transaction.atomic
def _seal_batch(*, wait: bool) -> int:
    if not _lock(wait=wait):
        return 0
    waiting = list(AuditEvent.objects.filter(number=None).order_by("at", "id")[:BATCH])
    if not waiting:
        return 0
    head = find_head()
    number, previous = (head.number or 0, head.hash) if head else (0, BEGINNING)
    for event in waiting:
        number += 1
        event.number, event.previous_hash, event.name_digest = number, previous, digest_of_name(event)
        event.hash = previous = hash_of(event)
    AuditEvent.objects.bulk_update(waiting, SEALED_COLUMNS)
    return len(waiting)


def _lock(*, wait: bool) -> bool:
    """Held until the transaction ends."""
    with connection.cursor() as cursor:
        if wait:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SEALER_LOCK])
            return True
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [SEALER_LOCK])
        return bool(cursor.fetchone()[0])
