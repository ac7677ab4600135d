"""How long a session lasts: an absolute age and an idle time, whatever the cookie and the stored session say."""

import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from chatapp.accounts import services
from chatapp.accounts.addresses import client_address
from chatapp.accounts.models import SignIn, User

MARK = "sign_in"  # in the session: {"started", "seen": seconds, "method", "provider"}
SILENT = "silent_sign_in"  # in the session: {"provider", "next"}, for one try without a question
_SEEN_RESOLUTION = 60


class SessionAgeMiddleware:
    """Ends sessions that are too old or were quiet for too long, and those that say neither."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.SESSION_COOKIE_NAME not in request.COOKIES or SESSION_KEY not in request.session:
            return self.get_response(request)
        mark = read_mark(request.session)
        if mark is None or is_over(mark):
            return self._end(request, mark or {})
        if time.time() - mark["seen"] >= _SEEN_RESOLUTION and not _is_poll(request):
            request.session[MARK] = {**mark, "seen": int(time.time())}
            services.touch_sign_in(session_key=request.session.session_key or "")
        return self.get_response(request)

    def _end(self, request: HttpRequest, mark: dict[str, Any]) -> HttpResponse:
        may_return = mark.get("method") == SignIn.Method.OIDC
        if may_return and not _is_navigation(request):
            # A script cannot be led to the provider: it is refused, and the page that it makes the browser load next
            # comes back by itself. The session stays as it is, which is over.
            request.user = AnonymousUser()
            return self.get_response(request)
        services.forget_sign_in(session_key=request.session.session_key or "")
        request.session.flush()
        if not may_return:
            return self.get_response(request)
        request.session[SILENT] = {"provider": mark["provider"], "next": request.get_full_path()}
        return redirect("openid_connect_silent", provider_id=mark["provider"])


def read_mark(session: SessionBase) -> dict[str, Any] | None:
    """None when the session does not say since when it is signed in: it is refused."""
    mark = session.get(MARK)
    if not isinstance(mark, dict) or not all(isinstance(mark.get(key), int) for key in ("started", "seen")):
        return None
    return mark


def is_over(mark: dict[str, Any]) -> bool:
    now = time.time()
    is_old = now - mark["started"] >= settings.SESSION_ABSOLUTE_SECONDS
    return bool(is_old or now - mark["seen"] >= settings.SESSION_IDLE_SECONDS)


def note_login(request: HttpRequest, user: User, **_: Any) -> None:
    """Receiver of Django's `user_logged_in`; a view of single sign-on left its voucher on the request."""
    if request.session.session_key is None:
        request.session.create()
    voucher: services.Voucher | None = getattr(request, "voucher", None)
    sign_in = services.start_sign_in(
        user=user,
        session_key=request.session.session_key or "",
        voucher=voucher,
        address=client_address(request),
        user_agent=request.META.get("HTTP_USER_AGENT", ""),
    )
    started = int(sign_in.started_at.timestamp())
    request.session[MARK] = {
        "started": started,
        "seen": started,
        "method": sign_in.method,
        "provider": sign_in.provider,
    }


def note_logout(request: HttpRequest, user: User | None, **_: Any) -> None:
    """Receiver of Django's `user_logged_out`, which comes before the session goes."""
    if user is not None:
        services.forget_sign_in(session_key=request.session.session_key or "")


def _is_poll(request: HttpRequest) -> bool:
    """A page that renews itself shows nothing of whether somebody sits before it."""
    return request.headers.get("X-Poll") == "1"


def _is_navigation(request: HttpRequest) -> bool:
    is_page = "text/html" in request.headers.get("Accept", "") and request.headers.get("HX-Request") != "true"
    return request.method == "GET" and is_page and request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"
