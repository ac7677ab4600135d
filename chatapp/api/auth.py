"""Who calls, and whether he may at all: decided before the body is read."""

from typing import cast

from django.http import HttpRequest
from ninja.security import HttpBearer

from chatapp.accounts import limits, selectors, services
from chatapp.accounts.addresses import client_address
from chatapp.accounts.models import ApiKey, User
from chatapp.accounts.permissions import require
from chatapp.errors import ChatappError

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
EVERY_KEY = "*"  # Whatever its scopes, as for an address where there is nothing.


class ApiRequest(HttpRequest):
    """A request that `BearerKey` let through."""

    auth: User
    api_key: ApiKey
    charge: limits.Charge


class BearerKey(HttpBearer):
    """`scope` is what a key needs, `write_scope` instead of it for what changes something, both of accounts.scopes.

    `only_reads`: a POST that changes nothing, so that read-only keys may send it. `permission`: who may call. Without a
    scope only keys without scopes may.
    """

    def __init__(
        self, scope: str = "", write_scope: str = "", *, only_reads: bool = False, permission: str | None = None
    ) -> None:
        super().__init__()
        self.scope = scope
        self.write_scope = write_scope or scope
        self.only_reads = only_reads
        self.permission = permission

    def scope_for(self, method: str | None) -> str:
        return self.scope if self.reads(method) else self.write_scope

    def reads(self, method: str | None) -> bool:
        return self.only_reads or method in _READS

    def authenticate(self, request: HttpRequest, token: str) -> User | None:
        """Raises ChatappError: rate_limited, scope_missing, read_only_key, forbidden."""
        address = client_address(request)
        key = selectors.get_api_key(token)
        if key is None:
            limits.charge_failed_key(address=address)
            return None
        asked = cast("ApiRequest", request)
        asked.api_key = key
        asked.charge = limits.charge_request(user=key.user, key=key)
        asked.charge.require()
        self._refuse_beyond(key, request.method)
        if self.permission is not None:
            require(key.user, self.permission)
        services.touch_api_key(key=key, address=address)
        return key.user

    def _refuse_beyond(self, key: ApiKey, method: str | None) -> None:
        scope = self.scope_for(method)
        if key.scopes and scope != EVERY_KEY and scope not in key.scopes:
            raise ChatappError("scope_missing", scope=scope or "that this needs")
        if key.read_only and not self.reads(method):
            raise ChatappError("read_only_key")
