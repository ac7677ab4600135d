"""Who calls, and whether he may at all: decided before the body is read."""

from typing import cast

from django.http import HttpRequest
from ninja.security import HttpBearer

from chatapp.accounts import selectors, services
from chatapp.accounts.models import ApiKey, User
from chatapp.accounts.permissions import require
from chatapp.errors import ChatappError

_READS = frozenset({"GET", "HEAD", "OPTIONS"})


class ApiRequest(HttpRequest):
    """A request that `BearerKey` let through."""

    auth: User
    api_key: ApiKey


class BearerKey(HttpBearer):
    """`only_reads`: a POST that changes nothing, so that read-only keys may send it. `permission`: who may call."""

    def __init__(self, *, only_reads: bool = False, permission: str | None = None) -> None:
        super().__init__()
        self.only_reads = only_reads
        self.permission = permission

    def authenticate(self, request: HttpRequest, token: str) -> User | None:
        key = selectors.get_api_key(token)
        if key is None:
            return None
        cast("ApiRequest", request).api_key = key
        if key.read_only and not self.only_reads and request.method not in _READS:
            raise ChatappError("read_only_key")
        if self.permission is not None:
            require(key.user, self.permission)
        services.touch_api_key(key=key)
        return key.user
