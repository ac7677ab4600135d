"""What can go wrong at a provider, and whether another try may help."""

import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from chatapp.inference.engine.errors import EngineError

_RETRYABLE_STATUSES = {408, 409, 425, 429}
# A quota that is used up comes back as 429 too, and no second try fills it.
_PERMANENT_CODES = {"insufficient_quota", "billing_hard_limit_reached"}
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,60}")


class ProviderError(EngineError):
    """An upstream failed. `retryable`: the same request may succeed later, after `retry_after` seconds if it said so.

    The reason never holds what the upstream wrote in its own words: it may quote the prompt or the key.
    """

    def __init__(self, reason: str, *, retryable: bool, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retryable = retryable
        self.retry_after = retry_after


def status_error(*, status: int, headers: Mapping[str, str], code: object = None) -> ProviderError:
    """The error for an HTTP status that is no success. `code` is the upstream's own name for it, if it has one."""
    named = code if isinstance(code, str) and _CODE.fullmatch(code) and code != str(status) else ""
    reason = f"The provider answered {status}{f' ({named})' if named else ''}."
    if 300 <= status < 400:
        return ProviderError(f"{reason} Redirects are not followed.", retryable=False)
    retryable = (status in _RETRYABLE_STATUSES or status >= 500) and named not in _PERMANENT_CODES
    return ProviderError(reason, retryable=retryable, retry_after=_retry_after(headers) if retryable else None)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds, from `retry-after-ms` or from `Retry-After` in either of its forms (RFC 9110, section 10.2.3)."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name, "").strip()
        if value.replace(".", "", 1).isdecimal():
            return min(float(value) * unit, 86_400.0)
    try:
        return max(0.0, parsedate_to_datetime(headers.get("retry-after", "")).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None
