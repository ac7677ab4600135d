"""What a person has asked of reviewers about their own answers, and what they were told."""

from collections.abc import Mapping
from uuid import UUID

from django.db.models import QuerySet

from chatapp.accounts.models import User
from chatapp.moderation.models import Flag, FlagSource, Notice

LISTED_NOTICES = 100
SHOWN_NOTICES = 2  # One, and whether there are more.


def list_own_requests(user: User, messages: Mapping[UUID, UUID]) -> dict[tuple[UUID, str], Flag]:
    """Reports and appeals by message and source; `messages` are those of the answers, by generation.

    Of their review only the state is the person's business.
    """
    if not messages:
        return {}
    asked = Flag.objects.filter(reporter=user, source__in=(FlagSource.REPORT, FlagSource.APPEAL), exchange__in=messages)
    found = asked.only("exchange", "source", "status", "created_at")
    return {(messages[flag.exchange_id], str(flag.source)): flag for flag in found}


def list_notices_for(user: User) -> QuerySet[Notice]:
    """Newest first."""
    return Notice.objects.filter(user=user)


def list_unread_notices(user: User) -> list[Notice]:
    """The newest few."""
    return list(Notice.objects.filter(user=user, read_at=None)[:SHOWN_NOTICES])
