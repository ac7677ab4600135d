"""Numbers and chains the audit events that are committed, in the order of their time."""

from django.db import connection, transaction

from chatapp.accounts.chain import BEGINNING, digest_of_name, hash_of
from chatapp.accounts.models import AuditEvent
from chatapp.accounts.selectors.chain import find_head

BATCH = 500
SEALER_LOCK = 7_302
SEALED_COLUMNS = ["number", "name_digest", "previous_hash", "hash"]


def seal_events() -> int:
    """Seals all that wait, in batches; how many. Sealers on several machines follow each other."""
    sealed = count = _seal_batch()
    while count == BATCH:
        count = _seal_batch()
        sealed += count
    return sealed


@transaction.atomic
def _seal_batch() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SEALER_LOCK])
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
