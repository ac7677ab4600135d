"""What a web process makes of stream entries: cut anywhere, repeated, with holes, after losses."""

import random
from uuid import uuid4

import pytest

from chatapp.conversations.markdown import render_markdown
from chatapp.conversations.models import Status
from chatapp.conversations.streams.entries import LAST_SEQ, Entry, Kind, parse_entry
from chatapp.conversations.streams.live_answer import LiveAnswer
from chatapp.metrics import FAULTS


def answer() -> LiveAnswer:
    return LiveAnswer(uuid4(), uuid4())


def entry(seq: int, kind: Kind = "text", text: str = "", attempt: int = 1) -> Entry:
    return Entry(attempt, seq, kind, text, 0.0)


def feed(live: LiveAnswer, *entries: Entry) -> LiveAnswer:
    for one in entries:
        live.apply(one)
    return live


def test_text_is_appended_in_order_and_repeats_change_nothing() -> None:
    live = feed(
        answer(), entry(0, "fence"), entry(1, text="a"), entry(2, text="b"), entry(1, text="a"), entry(2, text="b")
    )
    assert (live.text, live.seq, live.status) == ("ab", 2, Status.ANSWERING)


def test_a_hole_stops_the_text_until_a_snapshot_fills_it() -> None:
    live = feed(answer(), entry(0, "fence"), entry(1, text="a"), entry(3, text="c"), entry(4, text="d"))
    assert (live.text, live.gap) == ("a", True)
    feed(live, entry(5, "snapshot", "abcde"), entry(6, text="f"))
    assert (live.text, live.gap) == ("abcdef", False)


def test_a_hole_is_counted_once() -> None:
    counter = FAULTS.labels(kind="stream_gap")
    before = counter._value.get()
    feed(answer(), entry(0, "fence"), entry(1, text="a"), entry(3, text="c"), entry(4, text="d"))
    assert counter._value.get() - before == 1


def test_a_hole_is_filled_by_the_checkpoint_of_the_database() -> None:
    live = feed(answer(), entry(0, "fence"), entry(1, text="a"), entry(3, text="c"))
    live.adopt_checkpoint(attempt=1, seq=3, text="abc")
    feed(live, entry(4, text="d"))
    assert (live.text, live.gap) == ("abcd", False)


def test_after_a_hole_the_reader_goes_back_to_the_checkpoint() -> None:
    """The checkpoint is a second old: what came since, and was passed over, is in the stream still."""
    live = feed(answer(), entry(0, "fence"), entry(1, text="a"), entry(3, text="c"), entry(4, text="d"))
    live.adopt_checkpoint(attempt=1, seq=2, text="ab")
    assert (live.text, live.gap, live.read) == ("ab", False, (1, 2))
    feed(live, entry(3, text="c"), entry(4, text="d"), entry(5, text="e"))
    assert (live.text, live.gap) == ("abcde", False)


def test_a_checkpoint_from_before_a_hole_takes_nothing_away() -> None:
    live = feed(answer(), entry(0, "fence"), entry(1, text="a"), entry(2, text="b"), entry(4, text="d"))
    live.adopt_checkpoint(attempt=1, seq=1, text="a")
    assert (live.text, live.gap) == ("ab", True)


def test_an_entry_of_newer_code_is_passed_over() -> None:
    live = feed(answer(), entry(0, "fence"), entry(1, text="a"))
    live.apply(parse_entry("1-2", {"k": "picture", "x": "of newer code"}))
    feed(live, entry(3, text="b"))
    assert (live.text, live.gap) == ("ab", False)


def test_a_time_that_is_none_spoils_no_entry() -> None:
    assert parse_entry("1-2", {"k": "text", "t": "a", "a": "soon"}).appended_at == 0


def test_an_older_checkpoint_changes_nothing() -> None:
    live = feed(answer(), entry(0, "fence"), entry(1, text="a"), entry(2, text="b"))
    live.adopt_checkpoint(attempt=1, seq=1, text="a")
    assert (live.text, live.epoch) == ("ab", 1)


def test_a_new_attempt_starts_from_nothing_and_the_old_one_is_over() -> None:
    live = feed(answer(), entry(0, "fence"), entry(1, text="old"), entry(0, "fence", attempt=2))
    feed(live, entry(2, text="late"), entry(1, text="new", attempt=2))
    assert (live.text, live.attempt) == ("new", 2)


def test_the_sweepers_fence_and_end_close_it_and_the_reader_moves_on() -> None:
    live = feed(answer(), entry(0, "fence"), entry(1, text="a"), entry(LAST_SEQ, "note"))
    assert live.read == (1, LAST_SEQ)
    feed(live, entry(LAST_SEQ + 1, "end", "interrupted"), entry(2, text="late"))
    assert (live.status, live.ended, live.text) == ("interrupted", True, "a")


def test_the_end_in_the_database_is_believed_at_the_second_sight() -> None:
    live = feed(answer(), entry(0, "fence"), entry(1, text="a"))
    live.set_state(Status.COMPLETE, None, patience=1)
    assert not live.ended
    feed(live, entry(2, text="b"))
    live.set_state(Status.COMPLETE, None, patience=1)
    assert (live.ended, live.text) == (True, "ab")


@pytest.mark.parametrize("seed", range(20))
def test_blocks_and_open_block_equal_the_rendering_of_the_whole(seed: int) -> None:
    chance = random.Random(seed)
    text = "# Title\n\nSome *words*.\n\n- one\n- two\n\n```python\nprint(1)\n```\n\n| a |\n|---|\n| 1 |\n\nEnd."
    live, seq, at = feed(answer(), entry(0, "fence")), 0, 0
    while at < len(text):
        step = chance.randint(1, 9)
        seq += 1
        feed(live, entry(seq, text=text[at : at + step]))
        at += step
        if chance.random() < 0.5:
            live.render()
    rendering = live.render()
    assert "".join(rendering.closed) + rendering.open_html == render_markdown(text, message_id=live.message_id)
