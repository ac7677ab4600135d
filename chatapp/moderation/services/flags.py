from collections.abc import Iterable
from uuid import UUID

from chatapp.accounts.models import User
from chatapp.accounts.services import record_event
from chatapp.moderation.models import Flag
from chatapp.moderation.selectors import get_flag_for


def open_flag(*, user: User, flag_id: UUID) -> Flag:
    """One flag with everything that a reviewer may see. To read it is an audit event; a withheld answer has its own."""
    flag = get_flag_for(user, flag_id)
    action = "moderation.original_read" if flag.exchange.original else "moderation.flag_read"
    record_event(actor=user, action=action, obj=flag)
    return flag


def record_flags_listed(*, user: User, flag_ids: Iterable[UUID]) -> None:
    """A list shows excerpts of what other people wrote."""
    listed = [str(flag_id) for flag_id in flag_ids]
    if listed:
        record_event(actor=user, action="moderation.flags_listed", detail={"flags": listed})
