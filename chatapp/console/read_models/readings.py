"""Grants and conversations as those see them who read by permission: without anything to act on."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can
from chatapp.conversations.models import MessageRole
from chatapp.conversations.reading_models import ReadingGrant, ReadingState
from chatapp.conversations.rendering import render_body
from chatapp.conversations.selectors import Turn
from chatapp.errors import ChatappError


@dataclass(frozen=True, slots=True)
class GrantRow:
    """`state` is waiting, open, over, refused or revoked."""

    grant: ReadingGrant
    state: str
    may_decide: bool
    may_read: bool
    may_revoke: bool


@dataclass(frozen=True, slots=True)
class ReadTurn:
    """`html` is sanitised; a question is shown as it was typed. `versions` are the ids of its siblings."""

    is_answer: bool
    at: datetime
    text: str
    html: str
    versions: list[UUID]
    current: UUID


def grant_row(grant: ReadingGrant, *, user: User) -> GrantRow:
    is_open = grant.state == ReadingState.APPROVED and grant.until is not None and grant.until > timezone.now()
    states = {ReadingState.REQUESTED: "waiting", ReadingState.APPROVED: "open" if is_open else "over"}
    own, approver = grant.requested_by_id == user.pk, can(user, "conversations.approve_reading")
    waits = grant.state == ReadingState.REQUESTED
    return GrantRow(
        grant=grant,
        state=states.get(ReadingState(grant.state), grant.state),
        may_decide=waits and approver and not own and grant.person_id != user.pk,
        may_read=is_open and own and can(user, "conversations.request_reading"),
        may_revoke=(waits or is_open) and (own or approver),
    )


def read_turns(turns: Iterable[Turn]) -> list[ReadTurn]:
    return [_read_turn(turn) for turn in turns if turn.message.role != MessageRole.SYSTEM]


def _read_turn(turn: Turn) -> ReadTurn:
    is_answer = turn.message.role == MessageRole.ASSISTANT
    html = render_body(turn) if is_answer else ""
    return ReadTurn(is_answer, turn.message.created_at, turn.text, html, turn.siblings, turn.message.id)


def parse_request(form: Mapping[str, str]) -> dict[str, Any]:
    """The arguments of `request_reading`. Raises ChatappError("invalid")."""
    asked = form.get("conversation", "").strip()
    whole = form.get("scope") == "person"
    try:
        # What the address bar of the owner shows is taken as well.
        conversation_id = None if whole else UUID(asked.rstrip("/").rpartition("/")[2])
        minutes = int(form.get("minutes", ""))
    except ValueError:
        raise ChatappError("invalid", detail="name a conversation by its id, and a number of minutes.") from None
    person, reason = form.get("person", "").strip()[:150].replace("\0", ""), form.get("reason", "")
    return {"person": person, "conversation_id": conversation_id, "reason": reason, "minutes": minutes}
