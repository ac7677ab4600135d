"""How django-axes counts failed passwords: by name and by address, in the database, so that Valkey is not needed.

A good password resets nothing: failures of others stay counted, and so do one's own until they are old enough.
"""

from datetime import timedelta
from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from django.conf import settings
from django.db.models import QuerySet, Sum
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from chatapp.accounts.addresses import client_address

Credentials = dict[str, Any] | None


def name_of_attempt(request: HttpRequest, credentials: Credentials = None) -> str:
    """What stands for a name in the table of failures: whatever its case, one; and never what was typed.

    What was typed may be a password in the wrong field.
    """
    return stand_in_for(str((credentials or {}).get("username") or request.POST.get("login", "")))


def stand_in_for(name: str) -> str:
    return salted_hmac("chatapp.sign-in-name", name.strip().casefold(), algorithm="sha256").hexdigest()


def address_of_attempt(request: HttpRequest) -> str | None:
    return client_address(request)


def cool_off(_: HttpRequest | None = None) -> timedelta:
    return timedelta(minutes=settings.LOGIN_LOCKOUT_MINUTES)


def failure_limit(_: HttpRequest, __: Credentials = None) -> int:
    return int(settings.LOGIN_FAILURES_PER_NAME)


class LockoutHandler(AxesDatabaseHandler):  # type: ignore[misc]
    """A company's people share few addresses, so an address may fail more often than a name."""

    def get_failures(self, request: HttpRequest, credentials: Credentials = None) -> int:
        """Of the name: whether this failure was the last one that it had."""
        return _count(self.get_user_attempts(request, credentials)[0])

    def is_locked(self, request: HttpRequest, credentials: Credentials = None) -> bool:
        return self.is_name_locked(request, credentials) or self.is_address_locked(request, credentials)

    def is_name_locked(self, request: HttpRequest, credentials: Credentials = None) -> bool:
        return self.get_failures(request, credentials) >= failure_limit(request)

    def is_address_locked(self, request: HttpRequest, credentials: Credentials = None) -> bool:
        return _count(self.get_user_attempts(request, credentials)[1]) >= int(settings.LOGIN_FAILURES_PER_ADDRESS)


def _count(attempts: QuerySet[Any]) -> int:
    return int(attempts.aggregate(sum=Sum("failures_since_start"))["sum"] or 0)
