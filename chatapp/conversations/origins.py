"""Refuses websocket handshakes from pages of other origins: scheme, host and port must be ours."""

from typing import Any
from urllib.parse import urlsplit

from channels.security.websocket import WebsocketDenier
from django.conf import settings
from django.http.request import validate_host


class SameOriginMiddleware:
    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        handler = self.application if is_same_origin(scope) else WebsocketDenier()
        return await handler(scope, receive, send)


def is_same_origin(scope: dict[str, Any]) -> bool:
    """True when the one Origin header names this server, or is listed in CSRF_TRUSTED_ORIGINS."""
    headers = [(name, value.decode("latin-1")) for name, value in scope["headers"]]
    origins = [value for name, value in headers if name == b"origin"]
    hosts = [value for name, value in headers if name == b"host"]
    if len(origins) != 1 or len(hosts) != 1:
        return False
    if origins[0] in settings.CSRF_TRUSTED_ORIGINS:
        return True
    scheme = "https" if settings.HTTPS else "http"
    hostname = urlsplit(f"//{hosts[0]}").hostname or ""
    return origins[0] == f"{scheme}://{hosts[0]}" and validate_host(hostname, settings.ALLOWED_HOSTS)
