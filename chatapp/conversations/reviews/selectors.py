from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.urls import reverse

from chatapp.accounts.models import User
from chatapp.conversations.models import Generation
from chatapp.moderation.models import Notice
from chatapp.moderation.selectors import LISTED_NOTICES, list_notices_for, list_unread_notices


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """`url` is of the answer on its page; empty when its conversation is gone."""

    notice: Notice
    url: str


def list_notices(user: User) -> list[NoticeRow]:
    """The newest hundred."""
    return _rows(user, list_notices_for(user)[:LISTED_NOTICES])


def list_new_notices(user: User) -> list[NoticeRow]:
    return _rows(user, list_unread_notices(user))


def _rows(user: User, notices: Iterable[Notice]) -> list[NoticeRow]:
    notices = list(notices)
    urls = _urls(user, {notice.generation_id for notice in notices}) if notices else {}
    return [NoticeRow(notice, urls.get(notice.generation_id, "")) for notice in notices]


def _urls(user: User, generation_ids: set[UUID]) -> dict[UUID, str]:
    own = Generation.objects.filter(id__in=generation_ids, user=user, message__conversation__deleted_at=None)
    found = own.values_list("id", "message_id", "message__conversation_id")
    return {
        generation: f"{reverse('conversation', args=[conversation])}?leaf={message}#message-{message}"
        for generation, message, conversation in found
    }
