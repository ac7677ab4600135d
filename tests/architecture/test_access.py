"""Every page needs a sign-in and every endpoint a key, or stands on a list with its reason."""

from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

PUBLIC = {
    "livez": "a load balancer asks",
    "readyz": "a load balancer asks",
    "csp-reports/": "browsers report to it without cookies; small, counted, and limited per address",
    "metrics": "checks a token or the peer's address itself",
    "accounts/": "signing in",
    "api/v1/openapi.json": "describes the API, holds no data",
}
SAMPLES = {"uuid": "7b0f6a9c-3f0e-4f5b-9a53-0f4f5b9a5300", "slug": "nothing", "str": "nothing", "int": "1"}


def patterns(resolver: URLResolver, prefix: str = "") -> Iterator[str]:
    for entry in resolver.url_patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from patterns(entry, route)
        elif isinstance(entry, URLPattern):
            yield route


def sample(route: str) -> str:
    parts = []
    for part in route.lstrip("^").rstrip("$").split("/"):
        kind = part.strip("<>").partition(":")[0] if part.startswith("<") else ""
        parts.append(SAMPLES.get(kind, SAMPLES["str"]) if kind else part)
    return "/" + "/".join(parts)


ROUTES = sorted(set(patterns(get_resolver())))
GUARDED = [route for route in ROUTES if not route.startswith(tuple(PUBLIC))]


def test_the_list_of_public_routes_is_not_stale() -> None:
    assert [known for known in PUBLIC if not any(route.startswith(known) for route in ROUTES)] == []


@pytest.mark.django_db
@pytest.mark.parametrize("route", GUARDED)
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_stranger_without_a_sign_in_gets_nothing(route: str, method: str) -> None:
    response = getattr(Client(), method)(sample(route))
    if response.status_code == 302:
        assert response["Location"].startswith("/accounts/login/")
    else:
        assert response.status_code in {401, 405}
