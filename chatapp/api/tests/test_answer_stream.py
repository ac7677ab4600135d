"""The stream of one answer, entry by entry, without HTTP round it."""

from uuid import uuid4

from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.api.openai.streaming import AnswerStream
from chatapp.conversations.models import Generation
from chatapp.conversations.streams.entries import Entry, Kind
from chatapp.conversations.streams.live_answer import LiveAnswer


def apply(live: LiveAnswer, seq: int, kind: Kind, text: str = "") -> None:
    live.apply(Entry(1, seq, kind, text, 0.0))


async def test_text_that_comes_together_with_the_end_is_sent() -> None:
    stream = AnswerStream(
        user=User(), generation=Generation(id=uuid4(), created_at=timezone.now()), model="any", include_usage=False
    )
    live = LiveAnswer(uuid4(), uuid4())
    apply(live, 0, "fence")
    apply(live, 1, "text", "first ")
    events = stream._follow(live)
    assert b"first " in await anext(events)
    apply(live, 2, "text", "last")
    apply(live, 3, "end", "complete")
    assert [b"last" in event async for event in events] == [True]
    assert stream.sent == "first last"
