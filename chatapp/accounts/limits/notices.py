"""Tells people, from a share of their day's tokens on, how much they have used."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from chatapp.accounts.limits.buckets import Level, Taken

NOTICE_PERCENT = 80
OWN_BUCKET = "user-tokens-day"


@dataclass(frozen=True, slots=True)
class TokensUsed:
    """`full_at` is when all are there again, if none is used meanwhile."""

    percent: int
    full_at: datetime


def notice_of(taken: Taken, *, reserved: int = 0) -> TokensUsed | None:
    """None below NOTICE_PERCENT, without a limit, and while Redis is away, when nobody knows.

    What was `reserved` by this very call is not used yet, so it does not count.
    """
    found = next((level for level in taken.levels if level.bucket.name == OWN_BUCKET), None)
    if found is None or taken.is_local:
        return None
    capacity = found.bucket.capacity
    level = Level(found.bucket, min(capacity, found.left + min(reserved, capacity)))
    percent = min(100, int(100 * (capacity - level.left) / capacity))
    if percent < NOTICE_PERCENT:
        return None
    return TokensUsed(percent, timezone.now() + timedelta(seconds=level.full_in))
