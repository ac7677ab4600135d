"""Rated answers as examples for fine-tuning: JSON lines in the chat format, personal data masked."""

import json
from collections.abc import AsyncIterator
from typing import Any

from django.db.models import Q, QuerySet

from chatapp.accounts.models import User
from chatapp.api.lists import ListQuery, page_of
from chatapp.database import in_thread
from chatapp.moderation.feedback_search import FeedbackSearch
from chatapp.moderation.masked import mask_exchange
from chatapp.moderation.models import Feedback
from chatapp.moderation.selectors import list_feedback_for

MAX_EXAMPLES = 10_000
_PAGE = 100
_SEARCHED = Q(exchange__personal__isnull=False)


def count_examples(user: User, search: FeedbackSearch) -> dict[str, int]:
    """`ready` ones are in an export; `unsearched` ones are not: no worker has looked for names in them yet."""
    found = _whole(user, search)
    ready = found.filter(_SEARCHED).count()
    return {"ready": ready, "unsearched": found.count() - ready}


async def example_lines(user: User, search: FeedbackSearch, *, limit: int = MAX_EXAMPLES) -> AsyncIterator[bytes]:
    """Newest first, at most `limit`, read page by page while they are sent."""
    found, cursor, left = _examples(user, search), "", limit
    while left > 0:
        page = await in_thread(page_of)(found, ListQuery(limit=min(_PAGE, left), cursor=cursor), _example)
        for example in page.items:
            yield json.dumps(example, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
        left -= len(page.items)
        if page.next is None:
            return
        cursor = page.next


def _examples(user: User, search: FeedbackSearch) -> QuerySet[Feedback]:
    return _whole(user, search).filter(_SEARCHED)


def _whole(user: User, search: FeedbackSearch) -> QuerySet[Feedback]:
    """Not where a reviewer took the answer back, or words of it: nobody should learn to write what stands there now."""
    return list_feedback_for(user, search).filter(exchange__original="")


def _example(feedback: Feedback) -> dict[str, Any]:
    """The shape of OpenAI's chat fine-tuning files, with what was thought of the answer beside it."""
    masked = mask_exchange(feedback.exchange)
    return {
        "messages": [
            {"role": "user", "content": masked.question},
            {"role": "assistant", "content": masked.answer},
        ],
        "rating": "up" if feedback.is_positive else "down",
        "reasons": feedback.reasons,
        "model_version": feedback.exchange.model_version,
        "created_at": feedback.created_at.isoformat(),
    }
