"""What every page's menu shows: only pages that this user may open."""

from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse

from chatapp.accounts.permissions import can


@dataclass(frozen=True, slots=True)
class NavItem:
    label: str
    url: str
    current: bool
    testid: str


@dataclass(frozen=True, slots=True)
class _Page:
    label: str
    url_name: str
    permission: str | None = None


_PAGES = (
    _Page("Chat", "chat"),
    _Page("Knowledge", "knowledge"),
)


def navigation(request: HttpRequest) -> dict[str, list[NavItem]]:
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"navigation": []}
    allowed = [page for page in _PAGES if page.permission is None or can(user, page.permission)]
    return {"navigation": [_item(request, page) for page in allowed]}


def _item(request: HttpRequest, page: _Page) -> NavItem:
    url = reverse(page.url_name)
    current = request.path == url if url == "/" else request.path.startswith(url)
    return NavItem(page.label, url, current, f"nav-{page.url_name.replace('_', '-')}")
