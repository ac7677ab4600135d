"""How often each check looked, what it found and how long it took: summed up in the process, stored by the hour."""

import math
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from django.db import DatabaseError, connection

from chatapp.moderation.checks.check import Check
from chatapp.moderation.metrics import CHECK_FAILURES, CHECK_SECONDS

# Of different sums that wait for the database; while it is away for long, new ones are left out.
MAX_WAITING = 5_000
log = structlog.get_logger(__name__)

# A policy that was deleted in the meantime has no figures. In one order, so that two processes never wait in a ring.
_ADD = """
INSERT INTO moderation_checktally AS kept
    (hour, policy_id, check_name, stage, looks, findings, failures, seconds, slowest_seconds)
SELECT new.* FROM unnest(
    %s::timestamptz[], %s::uuid[], %s::text[], %s::text[], %s::int[], %s::int[], %s::int[], %s::float[], %s::float[]
) AS new (hour, policy_id, check_name, stage, looks, findings, failures, seconds, slowest_seconds)
JOIN moderation_policyversion AS policy ON policy.id = new.policy_id
ORDER BY new.hour, new.policy_id, new.check_name, new.stage
ON CONFLICT (hour, policy_id, check_name, stage) DO UPDATE SET
    looks = kept.looks + excluded.looks,
    findings = kept.findings + excluded.findings,
    failures = kept.failures + excluded.failures,
    seconds = kept.seconds + excluded.seconds,
    slowest_seconds = greatest(kept.slowest_seconds, excluded.slowest_seconds)
"""

Key = tuple[datetime, str, str, str]


@dataclass(slots=True)
class Sums:
    looks: int = 0
    findings: int = 0
    failures: int = 0
    seconds: float = 0.0
    slowest_seconds: float = 0.0

    def add(self, other: "Sums") -> None:
        self.looks += other.looks
        self.findings += other.findings
        self.failures += other.failures
        self.seconds += other.seconds
        self.slowest_seconds = max(self.slowest_seconds, other.slowest_seconds)


_lock = threading.Lock()
_stored_at = -math.inf
_waiting: dict[Key, Sums] = {}


def note_look(check: Check, *, seconds: float, found: bool, failure: str = "") -> None:
    """One look of a check at a text or a window, from any thread. `failure` is empty or a `models.Failure`."""
    CHECK_SECONDS.labels(check=check.name, stage=check.stage).observe(seconds)
    if failure:
        CHECK_FAILURES.labels(check=check.name, failure=failure).inc()
    if check.policy_id:
        hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        _add(
            (hour, check.policy_id, check.name, str(check.stage)),
            Sums(1, int(found), int(bool(failure)), seconds, seconds),
        )


def store_looks(*, pause: float = 0.0) -> None:
    """Outside of transactions; nothing happens within `pause` seconds from the last time.

    Never raises: without the database the sums wait for the next call.
    """
    global _stored_at  # noqa: PLW0603 - one for the process, as the sums are
    with _lock:
        if time.monotonic() < _stored_at + pause:
            return
        _stored_at = time.monotonic()
        taken = dict(_waiting)
        _waiting.clear()
    if not taken:
        return
    try:
        _store(taken)
    except DatabaseError as error:
        log.warning("check_tallies_wait", reason=type(error).__name__)
        for key, sums in taken.items():
            _add(key, sums)


def _add(key: Key, sums: Sums) -> None:
    with _lock:
        if key in _waiting or len(_waiting) < MAX_WAITING:
            _waiting.setdefault(key, Sums()).add(sums)


def _store(taken: dict[Key, Sums]) -> None:
    rows = [(*key, s.looks, s.findings, s.failures, s.seconds, s.slowest_seconds) for key, s in taken.items()]
    with connection.cursor() as cursor:
        cursor.execute(_ADD, [list(column) for column in zip(*rows, strict=True)])
