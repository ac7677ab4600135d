"""Signing in by password. Whatever the reason why somebody stays out, it looks and lasts the same."""

from typing import Any

from axes.backends import AxesStandaloneBackend
from axes.handlers.proxy import AxesProxyHandler
from axes.helpers import get_credentials
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.hashers import check_password
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from chatapp.accounts.metrics import count_sign_in
from chatapp.accounts.models import User
from chatapp.accounts.selectors.break_glass import get_user_by_typed_name, may_use_password

_NO_PASSWORD = "!"  # noqa: S105 (what Django stores where there is none)


class PasswordBackend(AxesStandaloneBackend, ModelBackend):  # type: ignore[misc]
    """Alone in deciding on passwords: backends behind it are not asked, since it raises where it does not accept."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **_: Any
    ) -> User | None:
        """Raises PermissionDenied: locked out, unknown, wrong, closed, or not allowed to use a password."""
        if request is None or not username or not password:
            return None
        credentials = get_credentials(username=username, password=password)
        AxesProxyHandler.update_request(request)
        counts: Any = AxesProxyHandler.get_implementation()
        if counts.is_address_locked(request, credentials):
            _refuse(request, locked=True)  # Without a hash: it costs nothing and tells nothing of the name.
        is_locked = counts.is_name_locked(request, credentials)
        user = get_user_by_typed_name(username.strip())
        # Where there is no password to compare with, one is hashed all the same.
        is_right = user.check_password(password) if user else check_password(password, _NO_PASSWORD)
        if user is None or not is_right or is_locked or not may_use_password(user):
            _refuse(request, locked=is_locked)
        return user


def _refuse(request: HttpRequest, *, locked: bool) -> None:
    request.axes_locked_out = locked  # type: ignore[attr-defined]
    request.was_locked_out = locked  # type: ignore[attr-defined]
    count_sign_in("local", "locked_out" if locked else "failed")
    raise PermissionDenied
