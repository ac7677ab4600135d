"""The stream of one answer, entry by entry, without HTTP round it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from django.db import OperationalError
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


async def test_while_the_database_is_away_the_end_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise OperationalError

    monkeypatch.setattr("chatapp.api.openai.streaming.Answer", away)
    stream = AnswerStream(
        user=User(), generation=Generation(id=uuid4(), created_at=timezone.now()), model="any", include_usage=False
    )
    live = LiveAnswer(uuid4(), uuid4())
    apply(live, 0, "fence")
    apply(live, 1, "end", "complete")

    @asynccontextmanager
    async def follow(*_: object, **__: object) -> AsyncIterator[LiveAnswer]:
        yield live

    monkeypatch.setattr("chatapp.conversations.streams.hub.Hub.follow", follow)
    events = [event async for event in stream]
    assert b'"code":"database_away"' in events[-1]
