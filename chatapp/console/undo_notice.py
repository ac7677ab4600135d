"""What a reviewer decided last: kept in the session while it can be undone, so that every page of flags offers it."""

from collections.abc import Sequence
from uuid import UUID

from django.utils import timezone

from chatapp.console.access import ConsoleRequest
from chatapp.moderation.selectors import UNDO_TIME

KEY = "flags_to_undo"


def remember(request: ConsoleRequest, flag_ids: Sequence[UUID], said: str) -> None:
    until = (timezone.now() + UNDO_TIME).timestamp()
    request.session[KEY] = {"ids": [str(one) for one in flag_ids], "said": said, "until": until}


def forget(request: ConsoleRequest) -> None:
    request.session.pop(KEY, None)


def undo_of(request: ConsoleRequest) -> dict[str, object]:
    """For templates: the ids as `undo_ids` and what was said as `undo_said`; nothing when it is too late."""
    kept = request.session.get(KEY)
    if not kept or kept["until"] < timezone.now().timestamp():
        return {}
    return {"undo_ids": [UUID(one) for one in kept["ids"]], "undo_said": kept["said"]}
