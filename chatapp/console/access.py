"""Who may open which page. Those without a console role get what a page that does not exist would give them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from chatapp.accounts.models import User
from chatapp.accounts.pages import CONSOLE_PAGES, FEW_PAGES, OVERVIEW, Page, is_at, visible_groups, visible_pages
from chatapp.accounts.permissions import can, require
from chatapp.errors import ChatappError


class ConsoleRequest(HttpRequest):
    """Of a signed-in user, with django-htmx's details."""

    user: User
    htmx: HtmxDetails


View = Callable[..., HttpResponseBase]


@dataclass(frozen=True, slots=True)
class Tab:
    label: str
    url: str
    current: bool


@dataclass(frozen=True, slots=True)
class Tabs:
    """`pages` are those of the current group; none where all pages stand in one row."""

    first: list[Tab]
    pages: list[Tab]


def pages_for(user: User) -> list[Page]:
    return visible_pages(user, CONSOLE_PAGES)


def tabs_for(request: ConsoleRequest) -> Tabs:
    groups = visible_groups(request.user)
    if sum(len(group.pages) for group in groups) <= FEW_PAGES:
        pages = [page for group in groups for page in group.pages]
        return Tabs([_tab(request, page) for page in (OVERVIEW, *pages)], [])
    first, current = [_tab(request, OVERVIEW)], list[Tab]()
    for group in groups:
        tabs = [_tab(request, page) for page in group.pages]
        is_current = any(tab.current for tab in tabs)
        first.append(Tab(group.label, tabs[0].url, is_current))
        current = tabs if is_current else current
    return Tabs(first, current)


def _tab(request: ConsoleRequest, page: Page) -> Tab:
    return Tab(page.label, reverse(page.url_name), is_at(request.path, page))


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


def parse_id(text: str) -> UUID:
    """Out of a query or a form. Raises ChatappError("not_found"), as for what never existed."""
    try:
        return UUID(text)
    except ValueError:
        raise ChatappError("not_found") from None


def go(request: ConsoleRequest, name: str, **arguments: object) -> HttpResponse:
    """To another page, whose address the browser shall show."""
    target = reverse(name, kwargs=arguments)
    return HttpResponseClientRedirect(target) if request.htmx else redirect(target)
