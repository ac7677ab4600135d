from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from django.contrib.sessions.models import Session
from django.db.models import Exists, OuterRef

from chatapp.accounts.selectors.sign_ins import list_sign_ins_alive


@dataclass(frozen=True, slots=True)
class Standing:
    """What may change of a session while a socket of it is open. A new password ends what the old one opened."""

    user_id: UUID
    roles: list[str]
    permissions: list[str]
    password: str


def load_standings(session_keys: Collection[str]) -> dict[str, Standing]:
    """Of the sessions that are alive, of active users; the others are missing. One query."""
    stored = Exists(Session.objects.filter(session_key=OuterRef("session_key")))
    alive = list_sign_ins_alive().filter(stored, session_key__in=session_keys, user__is_active=True)
    columns = ("user_id", "user__roles", "user__permissions", "user__password")
    return {key: Standing(*values) for key, *values in alive.values_list("session_key", *columns)}
