"""Tells the apps above that somebody's access changed: they end sockets, answers and caches."""

from enum import StrEnum
from uuid import UUID

from django.db import transaction
from django.dispatch import Signal

access_changed = Signal()  # sends user_id: UUID, change: AccessChange, session_key: str ("" means every session)


class AccessChange(StrEnum):
    SIGNED_OUT = "signed_out"
    DISABLED = "disabled"
    RIGHTS = "rights"


def announce_access_change(user_id: UUID, change: AccessChange, *, session_key: str = "") -> None:
    """After the commit, so that whoever looks again sees the new state. A receiver that fails stops no other."""
    transaction.on_commit(
        lambda: access_changed.send_robust(sender=AccessChange, user_id=user_id, change=change, session_key=session_key)
    )
