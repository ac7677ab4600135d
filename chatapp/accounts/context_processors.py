"""What every page's menu shows: only pages that this user may open."""

from dataclasses import dataclass, replace
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from chatapp.accounts.pages import EVERYONES_PAGES, FEW_PAGES, OVERVIEW, Page, is_at, visible_groups, visible_pages
from chatapp.accounts.selectors.break_glass import list_open_alarms_for


@dataclass(frozen=True, slots=True)
class NavItem:
    label: str
    url: str
    current: bool
    testid: str


@dataclass(frozen=True, slots=True)
class NavGroup:
    label: str
    items: list[NavItem]

    @property
    def current(self) -> bool:
        return any(item.current for item in self.items)


@dataclass(frozen=True, slots=True)
class Navigation:
    """`console` begins with the overview; `groups` are the other pages of the console where they are many."""

    everyone: list[NavItem]
    console: list[NavItem]
    groups: list[NavGroup]


_MAX_ALARMS = 5


def navigation(request: HttpRequest) -> dict[str, Navigation]:
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"navigation": Navigation([], [], [])}
    match = request.resolver_match
    url_name = (match.url_name or "") if match is not None else ""
    everyone = [_item(page, current=url_name == page.url_name) for page in visible_pages(user, EVERYONES_PAGES)]
    groups = [
        NavGroup(group.label, [_item(page, current=is_at(request.path, page)) for page in group.pages])
        for group in visible_groups(user)
    ]
    pages = [item for group in groups for item in group.items]
    if not pages:
        return {"navigation": Navigation(everyone, [], [])}
    overview = _item(OVERVIEW, current=is_at(request.path, OVERVIEW))
    if len(pages) <= FEW_PAGES:
        return {"navigation": Navigation(everyone, [overview, *pages], [])}
    # Beside a list of conversations there is no room for many; within the console there is.
    if not url_name.startswith("console"):
        return {"navigation": Navigation(everyone, [replace(overview, label="Console")], [])}
    return {"navigation": Navigation(everyone, [overview], groups)}


def alarms(request: HttpRequest) -> dict[str, Any]:
    """Sign-ins of break-glass administrators that nobody has looked at yet; asked for only where a page shows them."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"break_glass_alarms": []}
    return {"break_glass_alarms": SimpleLazyObject(lambda: list(list_open_alarms_for(user)[:_MAX_ALARMS]))}


def _item(page: Page, *, current: bool) -> NavItem:
    return NavItem(page.label, reverse(page.url_name), current, f"nav-{page.url_name.replace('_', '-')}")
