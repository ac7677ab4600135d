"""For the audit log: from where a request or a socket comes, and what it was refused."""

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from django.http import HttpRequest, HttpResponse
from structlog.contextvars import get_contextvars

from chatapp.accounts import services
from chatapp.accounts.addresses import client_address, client_address_of_scope
from chatapp.accounts.models import User
from chatapp.accounts.origin import AGENT_CHARACTERS, Description, digest_of_session, doing_for
from chatapp.database import AWAY

log = structlog.get_logger(__name__)
_API = ("/api/", "/v1/")
_REFUSED = frozenset({403, 404})
_MAX_IDS = 5


class AuditMiddleware:
    """Inside of what knows the user, outside of what turns errors into responses."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with doing_for(partial(_describe_request, request)):
            response = self.get_response(request)
            if response.status_code in _REFUSED:
                _record_refusal(request, response.status_code)
            return response


class SocketOrigin:
    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        with doing_for(partial(_describe_scope, scope)):
            return await self.application(scope, receive, send)


def _describe_request(request: HttpRequest) -> Description:
    session = getattr(request, "session", None)
    key = getattr(request, "api_key", None)
    return {
        "process": "api" if request.path_info.startswith(_API) else "web",
        "address": client_address(request),
        "agent": request.headers.get("User-Agent", "")[:AGENT_CHARACTERS],
        "session": digest_of_session(session.session_key if session is not None else None),
        "api_key": str(key.pk) if key is not None else "",
        "request": get_contextvars().get("request_id", ""),
    }


def _describe_scope(scope: dict[str, Any]) -> Description:
    session = scope.get("session")
    agents = [value.decode("latin-1") for name, value in scope["headers"] if name == b"user-agent"]
    return {
        "process": "socket",
        "address": client_address_of_scope(scope),
        "agent": "".join(agents)[:AGENT_CHARACTERS],
        "session": digest_of_session(session.session_key if session is not None else None),
    }


def _record_refusal(request: HttpRequest, status: int) -> None:
    """Of a known person, at an address that exists; what is no address of the product is nothing to be refused."""
    match, user = request.resolver_match, _caller(request)
    if match is None or user is None or "rest" in match.kwargs:
        return
    try:
        services.record_denied(
            user=user, route=match.route, method=request.method or "", ids=_asked_for(request), status=status
        )
    except AWAY as error:
        log.warning("denial_not_recorded", route=match.route, reason=type(error).__name__)


def _caller(request: HttpRequest) -> User | None:
    key = getattr(request, "api_key", None)
    user = key.user if key is not None else getattr(request, "user", None)
    return user if user is not None and user.is_authenticated else None


def _asked_for(request: HttpRequest) -> dict[str, str]:
    """The ids in the address; else those in the form, as of a message posted into somebody's conversation."""
    match = request.resolver_match
    ids = {name: str(value) for name, value in match.kwargs.items()} if match else {}
    if not ids and not request.path_info.startswith(_API):  # A body that rights were decided before is not read now.
        fields = {**request.GET.dict(), **request.POST.dict()}
        ids = {name: value for name, value in fields.items() if _is_id(value)}
    return dict(list(ids.items())[:_MAX_IDS])


def _is_id(value: object) -> bool:
    try:
        UUID(str(value))  # A field without a value is an empty list.
    except ValueError:
        return False
    return True
