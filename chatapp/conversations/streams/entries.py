"""The format of a live stream, version 1.

Key `generation:<uuid>`; entry ids are `<attempt>-<seq>`, so Redis itself refuses what a zombie attempt writes late.
Fields: `k` (kind) and `t` (text). Kinds: `fence` starts an attempt (seq 0), `text` appends, `snapshot` replaces all
text shown (after a loss of Redis), `note` is a word on what the worker does now, `end` names the terminal status.
Newer code may add fields and kinds: a reader passes over what it does not know.
`a` is when the worker handed the entry over (seconds since 1970), for the lag metric only.
"""

import time
from dataclasses import dataclass
from typing import Literal, cast
from uuid import UUID

Kind = Literal["fence", "text", "snapshot", "note", "end"]
Fields = dict[str, str]

CONTROL_CHANNEL = "generation-control"
# Above every seq that a worker can reach: what the sweeper writes closes the attempt.
LAST_SEQ = 2**40
EXPIRY_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Entry:
    attempt: int
    seq: int
    kind: Kind
    text: str
    appended_at: float


def stream_key(generation_id: UUID) -> str:
    return f"generation:{generation_id}"


def entry_id(attempt: int, seq: int) -> str:
    return f"{attempt}-{seq}"


def fence_id(attempt: int, *, after: bool = False) -> str:
    """The id that closes an attempt; `after` is the one for the end that follows the fence."""
    return entry_id(attempt, LAST_SEQ + int(after))


def fields(kind: Kind, text: str = "") -> Fields:
    return {"k": kind, "t": text, "a": f"{time.time():.3f}"}


def end_entry(status: str) -> Fields:
    return fields("end", status)


def parse_entry(raw_id: str, raw: Fields) -> Entry:
    attempt, _, seq = raw_id.partition("-")
    kind = cast("Kind", raw.get("k", "note"))
    try:
        appended_at = float(raw.get("a", 0))
    except ValueError:  # Only a metric hangs on it.
        appended_at = 0.0
    return Entry(int(attempt), int(seq), kind, raw.get("t", ""), appended_at)
