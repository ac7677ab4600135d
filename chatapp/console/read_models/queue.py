"""The queue in pages by keyset: severest first, then what is due first, so that new flags never shift a page."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from chatapp.accounts.models import User
from chatapp.api.lists import ListQuery, page_of
from chatapp.console.read_models.flags import FlagRow, flag_rows
from chatapp.errors import ChatappError
from chatapp.moderation.models import Flag
from chatapp.moderation.selectors import FlagFilter, by_urgency, list_flags_for

PAGE_SIZE = 30


@dataclass(frozen=True, slots=True)
class FlagPage:
    """`next` is the cursor of the page after this one, or None."""

    rows: list[FlagRow]
    next: str | None


def page_of_flags(user: User, *, status: str, narrowed: FlagFilter, cursor: str) -> FlagPage:
    """What is decided comes newest first. Raises ChatappError("invalid") for a wrong filter or cursor."""
    flags = list_flags_for(user, status, narrowed=narrowed)
    if status == "decided":
        page = page_of(flags, ListQuery(limit=PAGE_SIZE, cursor=cursor), lambda flag: flag, by="decided_at")
        return FlagPage(flag_rows(page.items, user=user), page.next)
    found, after = _page_by_urgency(flags, cursor)
    return FlagPage(flag_rows(found, user=user), after)


def _page_by_urgency(flags: QuerySet[Flag], cursor: str) -> tuple[list[Flag], str | None]:
    ordered = by_urgency(flags)
    if cursor:
        rank, due, pk = _decode(cursor)
        ordered = ordered.filter(Q(rank__gt=rank) | Q(rank=rank, due__gt=due) | Q(rank=rank, due=due, id__gt=pk))
    found = list(ordered[: PAGE_SIZE + 1])
    shown = found[:PAGE_SIZE]
    return shown, _encode(shown[-1]) if len(found) > PAGE_SIZE else None


def _encode(flag: Flag) -> str:
    rank, due = getattr(flag, "rank"), getattr(flag, "due")  # noqa: B009 (added by the query)
    return urlsafe_b64encode(f"{rank} {due.isoformat()} {flag.id}".encode()).decode()


def _decode(cursor: str) -> tuple[int, datetime, UUID]:
    try:
        rank, due, pk = urlsafe_b64decode(cursor.encode()).decode().split(" ")
        return int(rank[:1]), datetime.fromisoformat(due).astimezone(UTC), UUID(pk)
    except (ValueError, OverflowError):
        raise ChatappError("invalid", detail="the cursor is not one of this list.") from None
