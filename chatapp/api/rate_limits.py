"""The headers `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10) of the API's answers."""

from collections.abc import Callable, Iterable

from django.http import HttpRequest, HttpResponse

from chatapp.accounts.limits import Charge
from chatapp.accounts.limits.buckets import Level


class RateLimitMiddleware:
    """On every answer to a known key, good or refused; whoever has none learns nothing."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        charge: Charge | None = getattr(request, "charge", None)
        if charge is not None and charge.levels:
            response["RateLimit-Policy"] = _join(_policy(level) for level in charge.levels)
            response["RateLimit"] = _join(_state(level) for level in charge.levels)
        return response


def _policy(level: Level) -> str:
    bucket = level.bucket
    unit = ';qu="requests"' if bucket.unit == "requests" else ""
    return f'"{bucket.name}";q={bucket.quota};w={bucket.period}{unit}'


def _state(level: Level) -> str:
    """`r` is left, and after `t` seconds the whole quota is there again."""
    return f'"{level.bucket.name}";r={level.remaining};t={level.full_in}'


def _join(items: Iterable[str]) -> str:
    return ", ".join(items)
