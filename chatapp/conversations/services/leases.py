"""The leases of a worker's answers, kept by one statement a second for all of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from chatapp.conversations import events
from chatapp.conversations.models import Generation, Status
from chatapp.conversations.services.generations import held_row

MAX_LOSSES = 2  # Of its worker; then the answer itself is suspected.


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Text shown so far, through stream entry `seq`; None when it is the stored one still."""

    generation: Generation
    text: str | None
    seq: int
    first_token_at: datetime | None


# A row that a deletion has locked just now is left out, lest all leases of the worker wait for it. An answer of a
# closed account is stopped here too, should nobody have heard the stop that was sent. An ejected worker keeps none.
_RENEW = """
WITH fresh AS (
    SELECT * FROM unnest(%(ids)s::uuid[], %(attempts)s::int[], %(texts)s::text[], %(seqs)s::int[],
                         %(firsts)s::timestamptz[]) AS told(id, attempt, text, seq, first_token_at)
), held AS (
    SELECT mine.id FROM conversations_generation AS mine JOIN fresh USING (id, attempt)
    WHERE mine.status = 'answering' AND NOT EXISTS (
        SELECT FROM inference_worker AS owner WHERE owner.name = mine.lease_owner AND owner.ejected_at IS NOT NULL)
    FOR UPDATE OF mine SKIP LOCKED
)
UPDATE conversations_generation AS mine
SET lease_until = now() + make_interval(secs => %(lease)s),
    checkpoint = COALESCE(fresh.text, mine.checkpoint),
    checkpoint_seq = CASE WHEN fresh.text IS NULL THEN mine.checkpoint_seq ELSE fresh.seq END,
    first_token_at = COALESCE(fresh.first_token_at, mine.first_token_at)
FROM fresh JOIN held USING (id) WHERE mine.id = fresh.id
RETURNING mine.id,
    mine.stop_requested OR NOT (SELECT is_active FROM accounts_user AS asker WHERE asker.id = mine.user_id)
"""


def renew_leases(checkpoints: Sequence[Checkpoint]) -> dict[UUID, bool | None]:
    """Stores checkpoints and prolongs leases of one worker in one statement.

    Returns, for each generation that is still held, whether a stop was asked for; None when its row was locked, so that
    nothing was stored. Of those that are missing the worker must write no more.
    """
    renewed: dict[UUID, bool | None] = {**_renew(checkpoints)}
    missing = [one.generation for one in checkpoints if one.generation.id not in renewed]
    return renewed | {generation.id: None for generation in missing if held_row(generation).exists()}


def _renew(checkpoints: Sequence[Checkpoint]) -> dict[UUID, bool]:
    stored = Generation._meta.get_field("checkpoint").get_prep_value  # noqa: SLF001 - Django's way to a field
    with connection.cursor() as cursor:
        cursor.execute(
            _RENEW,
            {
                "ids": [one.generation.id for one in checkpoints],
                "attempts": [one.generation.attempt for one in checkpoints],
                "texts": [None if one.text is None else stored(one.text) for one in checkpoints],
                "seqs": [one.seq for one in checkpoints],
                "firsts": [one.first_token_at for one in checkpoints],
                "lease": settings.LEASE_SECONDS,
            },
        )
        return dict(cursor.fetchall())


def hand_back(generation: Generation, *, is_loss: bool) -> None:
    """Queues an answer of which nothing was shown again, for any worker; the next claim is a new attempt.

    A loss counts: the second one ends it.
    """
    with transaction.atomic():
        losses = F("losses") + int(is_loss)
        cleared = {"lease_owner": "", "lease_until": None, "checkpoint": "", "checkpoint_seq": 0}
        held_row(generation).update(status=Status.QUEUED, losses=losses, **cleared)
        transaction.on_commit(events.wake_workers)
