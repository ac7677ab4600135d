"""Receivers of Django's signals of signing in: what is counted, and when the alarm is raised."""

from typing import Any

from django.http import HttpRequest

from chatapp.accounts import services
from chatapp.accounts.addresses import client_address
from chatapp.accounts.metrics import Method, count_sign_in
from chatapp.accounts.models import User
from chatapp.accounts.selectors.break_glass import is_break_glass
from chatapp.accounts.services.break_glass import raise_break_glass_alarm


def note_sign_in(request: HttpRequest, user: User, **_: Any) -> None:
    voucher: services.Voucher | None = getattr(request, "voucher", None)
    method: Method = "local"
    if voucher is not None:
        method = "saml" if voucher.method == "saml" else "oidc"
    count_sign_in(method, "ok")
    if voucher is None and is_break_glass(user):
        raise_break_glass_alarm(user=user, address=client_address(request))
