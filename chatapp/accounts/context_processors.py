"""What every page's menu shows: only pages that this user may open."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from chatapp.accounts.pages import CONSOLE_PAGES, EVERYONES_PAGES, Page, visible_pages
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


_MAX_ALARMS = 5
_MAX_BESIDE_CHATS = 6


def navigation(request: HttpRequest) -> dict[str, Navigation]:
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"navigation": Navigation([], [], folds=False)}
    everyone = [_item(request, page) for page in visible_pages(user, EVERYONES_PAGES)]
    console = [_item(request, page) for page in visible_pages(user, CONSOLE_PAGES)]
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


def _item(request: HttpRequest, page: Page) -> NavItem:
    match = request.resolver_match
    current = match is not None and match.url_name == page.url_name
    return NavItem(page.label, reverse(page.url_name), current, f"nav-{page.url_name.replace('_', '-')}")
