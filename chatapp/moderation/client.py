"""The web process asks a worker for what it does not load itself."""

from collections.abc import Mapping, Sequence
from typing import Any

from chatapp.accounts.models import User
from chatapp.errors import ChatappError
from chatapp.moderation.checks.schema import build_checks
from chatapp.moderation.tasks import try_policy
from chatapp.moderation.trying import MAX_CHARACTERS, Tried, needs_worker, try_checks
from chatapp.retrieval.client import wait_for


def try_draft(
    *, user: User, checks: Sequence[Mapping[str, Any]], text: str, with_remote: bool
) -> tuple[list[Tried], bool]:
    """What each check says of the text, and whether a worker looked, too; without one patterns still do.

    `with_remote`: the text may go to the services that checks ask. Blocks some seconds. Raises ChatappError: invalid.
    """
    built = build_checks(checks)
    if not text.strip() or len(text) > MAX_CHARACTERS:
        raise ChatappError("invalid", detail=f"give a text of 1 to {MAX_CHARACTERS:,} characters to try.")
    if not needs_worker(built):
        return try_checks(built, text, in_worker=False), True
    try:
        found = wait_for(
            lambda: try_policy.delay(str(user.pk), list(checks), text, with_remote), refusal="try_unavailable"
        )
    except ChatappError:
        found = None
    if found is None:
        return try_checks(built, text, in_worker=False), False
    return [Tried.from_dict(one) for one in found], True
