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
from chatapp.accounts.pages import CONSOLE_PAGES, Page, visible_pages
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


def pages_for(user: User) -> list[Page]:
    return visible_pages(user, CONSOLE_PAGES)


def tabs_for(request: ConsoleRequest) -> list[Tab]:
    urls = [(page.label, reverse(page.url_name)) for page in pages_for(request.user)]
    return [Tab(label, url, _is_current(request.path, url)) for label, url in urls]


def _is_current(path: str, url: str) -> bool:
    """Every address of the console begins with that of the overview."""
    return path == url if url == reverse("console") else path.startswith(url)


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
