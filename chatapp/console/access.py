"""Who may open which page. Those without a console role get what a page that does not exist would give them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django_htmx.middleware import HtmxDetails

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can, require
from chatapp.errors import ChatappError


class ConsoleRequest(HttpRequest):
    """Of a signed-in user, with django-htmx's details."""

    user: User
    htmx: HtmxDetails


View = Callable[..., HttpResponseBase]


@dataclass(frozen=True, slots=True)
class Page:
    label: str
    url_name: str
    permission: str


@dataclass(frozen=True, slots=True)
class Tab:
    label: str
    url: str
    current: bool


PAGES = (
    Page("Models", "console_models", "inference.view_version"),
    Page("Routes", "console_routes", "inference.view_version"),
    Page("Workers", "console_workers", "inference.view_worker"),
    Page("Usage", "console_usage", "accounts.view_usage"),
    Page("Flags", "console_flags", "moderation.review_flag"),
    Page("Policies", "console_policies", "moderation.view_policy"),
    Page("Limits", "console_limits", "accounts.manage_limits"),
    Page("Service accounts", "console_service_accounts", "accounts.manage_service_accounts"),
    Page("Policy reports", "console_policy_reports", "console.view_policy_report"),
    Page("Sign-in", "console_sign_in", "accounts.manage_sign_in"),
    Page("People", "console_people", "accounts.view_users"),
    Page("Roles", "console_roles", "accounts.manage_roles"),
    Page("Audit", "console_audit", "accounts.view_audit"),
    Page("Readings", "console_readings", "conversations.view_readings"),
    Page("Privacy", "console_privacy", "privacy.manage"),
)


def pages_for(user: User) -> list[Page]:
    return [page for page in PAGES if can(user, page.permission)]


def tabs_for(request: ConsoleRequest) -> list[Tab]:
    urls = [(page.label, reverse(page.url_name)) for page in pages_for(request.user)]
    return [Tab(label, url, request.path.startswith(url)) for label, url in urls]


def console_page(permission: str) -> Callable[[View], View]:
    """404 without any console role, 403 without this permission."""

    def decorate(view: View) -> View:
        @login_required
        @wraps(view)
        def guarded(request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not can(request.user, "console.open"):
                raise ChatappError("not_found")
            require(request.user, permission)
            return view(request, *args, **kwargs)

        guarded.permission = permission  # type: ignore[attr-defined]
        return guarded

    return decorate
