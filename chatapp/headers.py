"""Response headers that Django and django-csp do not set by themselves."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

# What no page of the product uses is switched off for it and for whatever might get into it.
_PERMISSIONS = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()"
_POLICY_ENDPOINT = "policy"


class HeadersMiddleware:
    """Inside of django-csp's middleware. What is not a static file is made for one reader and is kept by no cache."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        address = reverse("policy_reports")
        _reporting(response, address)
        response.headers.setdefault("Permissions-Policy", _PERMISSIONS)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        response.headers.setdefault("Cache-Control", "no-store")
        return response


def _reporting(response: Any, address: str) -> None:
    response.headers["Reporting-Endpoints"] = f'{_POLICY_ENDPOINT}="{address}"'
    # report-uri is for browsers that know no report-to.
    update = getattr(response, "_csp_update", None) or {}
    response._csp_update = {**update, "report-uri": address, "report-to": _POLICY_ENDPOINT}  # noqa: SLF001 - its own way
