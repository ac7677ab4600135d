"""What every response carries."""

import pytest
from django.test import Client

from chatapp.accounts.models import User

DIRECTIVES = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types chatapp",
    "report-uri /csp-reports/",
    "report-to policy",
}


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/", "/knowledge/", "/accounts/login/", "/nothing/here/", "/api/v1/openapi.json"])
def test_every_response_carries_the_policy_and_its_companions(client: Client, alice: User, path: str) -> None:
    if path != "/accounts/login/":
        client.force_login(alice)
    headers = client.get(path).headers
    assert set(headers["Content-Security-Policy"].split("; ")) >= DIRECTIVES
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["Reporting-Endpoints"] == 'policy="/csp-reports/"'
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]
    assert "no-store" in headers["Cache-Control"]
