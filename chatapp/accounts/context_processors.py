"""What every page's menu shows: only pages that this user may open."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from chatapp.accounts.permissions import can
from chatapp.accounts.selectors.break_glass import list_open_alarms_for


@dataclass(frozen=True, slots=True)
class NavItem:
    label: str
    url: str
    current: bool
    testid: str


@dataclass(frozen=True, slots=True)
class Navigation:
    """`folds`: the pages of the console stand behind one line."""

    everyone: list[NavItem]
    console: list[NavItem]
    folds: bool


@dataclass(frozen=True, slots=True)
class _Page:
    label: str
    url_name: str
    permission: str | None = None


_MAX_ALARMS = 5
_MAX_BESIDE_CHATS = 6
_PAGES = (
    _Page("Chat", "chat"),
    _Page("Knowledge", "knowledge"),
    _Page("Models", "console_models", "inference.view_version"),
    _Page("Routes", "console_routes", "inference.view_version"),
    _Page("Workers", "console_workers", "inference.view_worker"),
    _Page("Usage", "console_usage", "accounts.view_usage"),
    _Page("Flags", "console_flags", "moderation.review_flag"),
    _Page("Policies", "console_policies", "moderation.view_policy"),
    _Page("Limits", "console_limits", "accounts.manage_limits"),
    _Page("Service accounts", "console_service_accounts", "accounts.manage_service_accounts"),
    _Page("Policy reports", "console_policy_reports", "console.view_policy_report"),
    _Page("Sign-in", "console_sign_in", "accounts.manage_sign_in"),
    _Page("People", "console_people", "accounts.view_users"),
    _Page("Roles", "console_roles", "accounts.manage_roles"),
    _Page("Audit", "console_audit", "accounts.view_audit"),
    _Page("Readings", "console_readings", "conversations.view_readings"),
    _Page("Privacy", "console_privacy", "privacy.manage"),
)


def navigation(request: HttpRequest) -> dict[str, Navigation]:
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"navigation": Navigation([], [], folds=False)}
    allowed = [page for page in _PAGES if page.permission is None or can(user, page.permission)]
    everyone = [_item(request, page) for page in allowed if page.permission is None]
    console = [_item(request, page) for page in allowed if page.permission is not None]
    # Beside a list of conversations there is no room for many; within the console there is.
    match = request.resolver_match
    in_console = match is not None and (match.url_name or "").startswith("console")
    folds = len(console) > _MAX_BESIDE_CHATS and not in_console
    return {"navigation": Navigation(everyone, console, folds)}


def alarms(request: HttpRequest) -> dict[str, Any]:
    """Sign-ins of break-glass administrators that nobody has looked at yet; asked for only where a page shows them."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"break_glass_alarms": []}
    return {"break_glass_alarms": SimpleLazyObject(lambda: list(list_open_alarms_for(user)[:_MAX_ALARMS]))}


def _item(request: HttpRequest, page: _Page) -> NavItem:
    match = request.resolver_match
    current = match is not None and match.url_name == page.url_name
    return NavItem(page.label, reverse(page.url_name), current, f"nav-{page.url_name.replace('_', '-')}")
