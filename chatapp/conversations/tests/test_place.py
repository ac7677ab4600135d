"""What pages make of their frames: at every moment the rendering of the text so far, whatever their pace."""

import random
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatapp.conversations.markdown import render_markdown
from chatapp.conversations.place import TailPlace, WholePlace, utf16_length
from chatapp.conversations.streams.entries import Entry
from chatapp.conversations.streams.live_answer import LiveAnswer
from chatapp.conversations.tests.page import OutOfStepError, Page

PIECES = [
    "word ", "\n", "\n\n", "- one", "1. two", "# ", "```\n", "| a | b |\n", "|--|--|\n", "**", "_", "`", "é", "[1]",
    "\U0001f600", "x < y & z ", "> ", "  ", "A longer run of words. ",
]  # fmt: skip


class Follower:
    """A page and its socket's place; every now and then the page loses the socket and comes back."""

    def __init__(self) -> None:
        self.page, self.place = Page(), TailPlace(0)

    def look(self, answer: LiveAnswer) -> None:
        frame = self.place.advance(answer)
        if frame:
            self.page.apply(frame)

    def come_back(self) -> None:
        self.place = TailPlace(self.page.seq)


@settings(max_examples=150, deadline=None)
@given(parts=st.lists(st.sampled_from(PIECES), max_size=50), seed=st.integers(0, 2**32))
def test_every_page_shows_the_text_up_to_its_seq(parts: list[str], seed: int) -> None:
    chance, text = random.Random(seed), ""
    answer = LiveAnswer(uuid4(), uuid4())
    answer.apply(Entry(1, 0, "fence", "", 0.0))
    followers, texts = [Follower() for _ in range(3)], {0: ""}
    for seq, part in enumerate(parts, start=1):
        if chance.random() < 0.05:  # Redis was lost: the whole text comes again, and may be another one.
            text = text[: chance.randint(0, len(text))] + part
            answer.apply(Entry(1, seq, "snapshot", text, 0.0))
        else:
            text += part
            answer.apply(Entry(1, seq, "text", part, 0.0))
        texts[seq] = text
        for number, follower in enumerate(followers):
            if chance.random() < 0.1:
                follower.come_back()
            if chance.random() < (0.9, 0.4, 0.1)[number]:
                follower.look(answer)
                shown = render_markdown(texts[follower.page.seq], message_id=answer.message_id)
                assert follower.page.html == shown
    answer.apply(Entry(1, len(parts) + 1, "end", "complete", 0.0))
    for follower in followers:
        follower.look(answer)
        assert follower.page.html == render_markdown(text, message_id=answer.message_id)
        assert follower.place.shown(answer) in {follower.page.html, None}


def written(text: str, *, step: int = 5) -> tuple[LiveAnswer, Follower]:
    answer, follower = LiveAnswer(uuid4(), uuid4()), Follower()
    answer.apply(Entry(1, 0, "fence", "", 0.0))
    for seq, at in enumerate(range(0, len(text), step), start=1):
        answer.apply(Entry(1, seq, "text", text[at : at + step], 0.0))
        follower.look(answer)
    return answer, follower


@pytest.mark.parametrize(
    "line",
    ["The holiday year begins in January. ", "- An item of *some* words\n", "  - nested\n", "| some | cells |\n",
     "x = 1\n", "A paragraph.\n\n"],
)  # fmt: skip
def test_bytes_grow_with_the_answer_not_with_its_square(line: str) -> None:
    heads = {"| some | cells |\n": "| a | b |\n|--|--|\n", "x = 1\n": "```\n", "  - nested\n": "- one\n"}
    head = heads.get(line, "")
    short, long = head + line * 20, head + line * 400
    ratios = [written(text)[1].page.decoded / len(text) for text in (short, long)]
    assert ratios[1] <= 1.2 * ratios[0]


def test_a_slow_page_gets_one_frame_with_all_that_it_missed() -> None:
    answer, _ = written("Some words.\n\n" * 40)
    slow = Follower()
    slow.look(answer)
    slow.look(answer)
    assert (slow.page.frames, slow.page.html) == (1, "<p>Some words.</p>\n" * 40)


def test_a_page_that_missed_nothing_is_sent_nothing_until_there_is_something_new() -> None:
    answer, follower = written("Some words")
    follower.come_back()
    assert follower.place.advance(answer) is None
    assert follower.place.shown(answer) is None
    answer.apply(Entry(1, answer.seq + 1, "text", " more", 0.0))
    follower.look(answer)
    assert (follower.page.html, follower.page.resets) == ("<p>Some words more</p>\n", 2)


def test_a_page_that_shows_more_than_was_read_yet_never_goes_back() -> None:
    answer, _ = written("Some words")
    place = TailPlace(answer.seq + 1)  # Rendered by the server, from checkpoint and stream.
    assert place.advance(answer) is None
    answer.apply(Entry(1, answer.seq + 1, "text", " that it shows", 0.0))
    assert place.advance(answer) is None
    answer.apply(Entry(1, answer.seq + 1, "text", " and more", 0.0))
    frame = place.advance(answer)
    assert frame is not None
    assert frame["html"] == "<p>Some words that it shows and more</p>\n"


def test_what_a_lost_attempt_had_shown_is_not_kept() -> None:
    answer, follower = written("Some words")
    assert follower.place.shown(answer) == "<p>Some words</p>\n"
    answer.apply(Entry(2, 0, "fence", "", 0.0))
    assert (follower.place.advance(answer), follower.place.shown(answer)) == (None, None)


def test_a_page_notices_a_frame_that_does_not_fit() -> None:
    page = Page()
    page.apply({"type": "text", "seq": 1, "keep": 0, "html": "<p>one</p>\n", "reset": True})
    with pytest.raises(OutOfStepError):
        page.apply({"type": "text", "seq": 9, "keep": 40, "html": "</p>\n"})
    assert (page.seq, page.html) == (1, "<p>one</p>\n")


def test_lengths_are_those_of_javascript() -> None:
    assert [utf16_length(text) for text in ("", "abc", "é", "\U0001f600")] == [0, 3, 1, 2]


def test_a_page_of_protocol_1_gets_the_whole_text_each_time() -> None:
    answer, _ = written("One.\n\nTwo")
    place = WholePlace()
    frame = place.advance(answer)
    assert frame == {"type": "snapshot", "seq": answer.seq, "html": "<p>One.</p>\n<p>Two</p>\n", "open": ""}
    assert place.advance(answer) is None
