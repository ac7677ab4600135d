"""Access that was refused to somebody known: one event each, however it was tried."""

from collections.abc import Mapping
from datetime import timedelta

from django.utils import timezone

from chatapp.accounts.models import AuditEvent, Outcome, User
from chatapp.accounts.services.audit import record_event

DENIED, TOO_MANY = "access.denied", "access.denied_too_often"
HOURLY = 1000
_ID_CHARACTERS = 64


def record_denied(*, user: User, route: str, method: str, ids: Mapping[str, str], status: int) -> None:
    """Whether or not there is anything of that id: so neither the log nor the time that it takes tells.

    The HOURLY-and-first of an hour is told by one event of its own, and more by none: nobody fills the log.
    """
    recent = AuditEvent.objects.filter(actor=user, at__gt=timezone.now() - timedelta(hours=1))
    count = recent.filter(action__in=(DENIED, TOO_MANY))[: HOURLY + 1].count()
    if count > HOURLY:
        return
    cut = {name: value[:_ID_CHARACTERS] for name, value in ids.items()}
    record_event(
        actor=user,
        action=DENIED if count < HOURLY else TOO_MANY,
        detail={"route": route, "method": method, "status": status, "ids": cut},
        outcome=Outcome.DENIED,
        object_id=next(iter(cut.values()), ""),
    )
