"""A relay between a live answer and a socket that is slow, or stands still; and the pace of all of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from prometheus_client import REGISTRY

from chatapp.accounts.models import User
from chatapp.conversations import relay
from chatapp.conversations.markdown import render_markdown
from chatapp.conversations.models import Generation, Message, MessageRole, Source, Status
from chatapp.conversations.relay import SlowReaderError, final_frame, relay_answer
from chatapp.conversations.selectors import Turn
from chatapp.conversations.streams.entries import Entry
from chatapp.conversations.streams.live_answer import LiveAnswer
from chatapp.conversations.streams.pace import FIRST_SECONDS, LATER_SECONDS, LONGEST_SECONDS, Pace
from chatapp.conversations.tests.page import Page


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> LiveAnswer:
    """A hub that knows this answer only, and no database."""
    answer = LiveAnswer(uuid4(), uuid4())
    answer.apply(Entry(1, 0, "fence", "", 0.0))

    class Hub:
        @asynccontextmanager
        async def follow(self, _: Generation) -> AsyncIterator[LiveAnswer]:
            yield answer

    monkeypatch.setattr(relay, "get_hub", Hub)
    monkeypatch.setattr(relay, "_load_final", lambda *args: {"type": "final", "status": "complete", "html": args[-1]})
    return answer


async def write(answer: LiveAnswer, words: int) -> str:
    for seq in range(1, words + 1):
        answer.apply(Entry(1, seq, "text", f"word{seq} ", 0.0))
        await asyncio.sleep(0.002)
    answer.apply(Entry(1, words + 1, "end", Status.COMPLETE, 0.0))
    return answer.text


def slow_readers() -> float:
    return REGISTRY.get_sample_value("chatapp_faults_total", {"kind": "slow_reader"}) or 0.0


async def test_a_slow_socket_gets_few_frames_and_all_of_the_text(
    answer: LiveAnswer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "SLOW_SECONDS", 0.1)
    page, before, under_way = Page(), slow_readers(), 0

    async def send(frame: dict[str, Any]) -> None:
        nonlocal under_way
        under_way += 1
        assert under_way == 1
        await asyncio.sleep(0.3)
        page.apply(frame)
        under_way -= 1

    following = asyncio.create_task(relay_answer(Generation(id=answer.generation_id), User(), send, protocol=2))
    text = await write(answer, 400)
    await following
    assert page.html == page.final == render_markdown(text, message_id=answer.message_id)
    assert page.frames < 40
    assert slow_readers() == before + 1


async def test_no_state_holds_up_the_first_words(answer: LiveAnswer, monkeypatch: pytest.MonkeyPatch) -> None:
    class Standing(Pace):
        async def rest(self, age: float) -> None:
            await asyncio.Event().wait()

    monkeypatch.setattr(relay, "get_pace", Standing)
    frames: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    following = asyncio.create_task(relay_answer(Generation(id=answer.generation_id), User(), frames.put, protocol=2))
    async with asyncio.timeout(30):
        for seq, note in enumerate(("Searching the documents", "Reading"), start=1):
            answer.apply(Entry(1, seq, "note", note, 0.0))
            while (await frames.get()).get("note") != note:
                pass
        answer.apply(Entry(1, 3, "text", "first words", 0.0))
        assert (await frames.get())["type"] == "text"
    following.cancel()


async def test_a_socket_that_takes_nothing_is_given_up(answer: LiveAnswer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "PATIENCE_SECONDS", 0.05)

    async def send(_: dict[str, Any]) -> None:
        await asyncio.Event().wait()

    with pytest.raises(SlowReaderError):
        await relay_answer(Generation(id=answer.generation_id), User(), send, protocol=2)


def ended(text: str, *sources: int) -> Turn:
    message = Message(id=uuid4(), conversation_id=uuid4(), role=MessageRole.ASSISTANT, text=text)
    generation = Generation(id=uuid4(), status=Status.COMPLETE)
    found = [Source(message=message, n=n, cited=True) for n in sources]
    return Turn(message=message, generation=generation, sources=found, siblings=[message.id], queue=None)


def live(turn: Turn) -> str:
    return render_markdown(turn.text, message_id=turn.message.id)


@pytest.mark.parametrize("text,sources", [("Some *words*.", []), ("Words [1], `[2]`.", [1, 2]), ("Words, `[2]`.", [])])
def test_the_final_frame_leaves_out_what_the_page_shows(text: str, sources: list[int]) -> None:
    turn = ended(text, *sources)
    frame = final_frame(turn, User(), text=text, html=live(turn))
    assert "ords" not in frame["html"]
    assert 'data-testid="regenerate"' not in frame["html"]
    assert frame["kept"] == len(live(turn))


def test_the_final_frame_has_the_body_without_links_to_sources_that_are_not_there() -> None:
    turn = ended("Some *words* [1], [2].", 1)
    frame = final_frame(turn, User(), text=turn.text, html=live(turn))
    assert f'href="#source-{turn.message.id}-1"' in frame["html"]
    assert "[2]." in frame["html"]
    assert "kept" not in frame


@pytest.mark.parametrize("shown", [None, "", "<p>Some</p>\n"])
def test_the_final_frame_has_what_the_page_does_not_show(shown: str | None) -> None:
    frame = final_frame(ended("Some *words*."), User(), text="Some", html=shown)
    assert "<p>Some <em>words</em>.</p>" in frame["html"]
    assert 'data-testid="regenerate"' in frame["html"]
    assert "kept" not in frame


def test_frames_come_often_at_first_and_more_rarely_the_busier_the_loop_is() -> None:
    pace = Pace()
    assert (pace.interval(0.0), pace.interval(5.0)) == (FIRST_SECONDS, LATER_SECONDS)
    for _ in range(30):
        pace.adapt(share=1.0, late=0.0)
    assert pace.interval(5.0) == LONGEST_SECONDS
    for _ in range(30):
        pace.adapt(share=0.1, late=0.0)
    assert pace.interval(5.0) == LATER_SECONDS
    pace.adapt(share=0.1, late=0.5)
    assert pace.interval(5.0) > LATER_SECONDS


async def test_the_pace_measures_what_the_loop_does() -> None:
    pace, stop = Pace(), asyncio.Event()

    async def hog() -> None:
        while not stop.is_set():
            sum(range(2_000_000))
            await asyncio.sleep(0)

    busy = asyncio.create_task(hog())
    async with asyncio.timeout(30):
        while pace.stretch < 2:
            await pace.rest(5.0)
    stop.set()
    await busy
