"""Where waiting generations stand: position, expected wait, and whether a smaller model would be faster."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from chatapp.conversations.queue.waiting import WaitingRow, load_waiting
from chatapp.inference.models import ModelVersion
from chatapp.inference.sizes import smallest_below


@dataclass(frozen=True, slots=True)
class QueuePlace:
    """`position` counts from 1; `wait_seconds` is None while no recent answer tells how long one takes.

    `follows`: the answer above in the conversation must end first; the position is that after its end, the wait
    counts from now. `faster` names the smaller version of the route that could answer now, "" when there is none.
    """

    position: int
    wait_seconds: int | None
    follows: bool = False
    faster: str = ""


def find_places(generation_ids: Collection[UUID]) -> dict[UUID, QueuePlace]:
    """Those of them that wait and may be claimed, now or after the answer above."""
    rows = load_waiting(generation_ids) if generation_ids else {}
    asked = [rows[key] for key in generation_ids if key in rows]
    versions = _versions_of(asked)
    return {row.id: _place(row, rows, versions) for row in asked}


def _versions_of(rows: Collection[WaitingRow]) -> dict[UUID, ModelVersion]:
    """Asked for only where another version could answer."""
    ids = {key for row in rows if row.others for key in (row.version_id, *row.others)}
    return ModelVersion.objects.in_bulk(ids) if ids else {}


def _place(row: WaitingRow, rows: dict[UUID, WaitingRow], versions: dict[UUID, ModelVersion]) -> QueuePlace:
    wait = _wait_seconds(row, rows)
    faster = smallest_below(versions[row.version_id], [versions[key] for key in row.others]) if row.others else None
    return QueuePlace(
        position=_position(row, rows),
        wait_seconds=None if wait is None else max(1, round(wait)),
        follows=row.follows_id is not None,
        faster=faster.name if faster else "",
    )


def _position(row: WaitingRow, rows: dict[UUID, WaitingRow]) -> int:
    """What the row follows is counted before it while it waits too, and will be gone by then."""
    above = row
    while above.follows_id in rows:
        above = rows[above.follows_id]
    return row.position if above is row else max(1, row.position - (above.follows_id is None))


def _wait_seconds(row: WaitingRow, rows: dict[UUID, WaitingRow]) -> float | None:
    """Until the claim: the slots of all, the seats of the user, and what the answer above still takes."""
    if row.pace is None or not row.slots:
        return None
    pace, limit = float(row.pace), int(settings.USER_CONCURRENT_ANSWERS)
    for_a_seat = pace * (row.round_no - limit) / limit
    if row.follows_id is None:
        return max(pace * row.position / row.slots, for_a_seat)
    in_line = max(pace * (_position(row, rows) - 1) / row.slots, for_a_seat)  # The answer above frees a slot.
    above = rows.get(row.follows_id)
    if above is None:  # It runs.
        return max(0.0, pace - float(row.above_seconds or 0)) + in_line
    before = _wait_seconds(above, rows)
    return None if before is None else before + pace + in_line
