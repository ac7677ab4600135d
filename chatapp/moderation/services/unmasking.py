from uuid import UUID

from chatapp.accounts.models import User
from chatapp.accounts.permissions import require
from chatapp.accounts.services import record_event
from chatapp.errors import ChatappError
from chatapp.moderation.models import Flag
from chatapp.moderation.reasons import MAX_REASON_CHARACTERS
from chatapp.moderation.selectors import get_flag_for


def unmask_flag(*, user: User, flag_id: UUID, reason: str) -> Flag:
    """For one look at the personal data of a flag; the caller shows it and keeps nothing.

    Raises ChatappError: not_found, forbidden, invalid.
    """
    flag = get_flag_for(user, flag_id)
    require(user, "moderation.unmask", flag)
    reason = reason.strip()
    if not reason or len(reason) > MAX_REASON_CHARACTERS:
        raise ChatappError("invalid", detail=f"give a reason of 1 to {MAX_REASON_CHARACTERS} characters.")
    record_event(actor=user, action="moderation.unmasked", obj=flag, reason=reason)
    return flag
