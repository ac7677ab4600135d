"""What a worker appends to live streams: in order, joined, refused by nobody's fault but its own, bounded in memory."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from chatapp.conversations.streams import flusher as flusher_module
from chatapp.conversations.streams.entries import LAST_SEQ, Entry, entry_id, fields, parse_entry, stream_key
from chatapp.conversations.streams.flusher import Flusher
from chatapp.conversations.streams.live_answer import LiveAnswer
from chatapp.redis import redis_client


@pytest.fixture
def flusher() -> Iterator[Flusher]:
    flusher = Flusher()
    yield flusher
    flusher.close()


class FailingClient:
    """A Redis that is away; notes how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def pipeline(self, **_: Any) -> Any:
        return self

    def execute_command(self, *_: Any) -> None:
        pass

    expire = execute_command

    def execute(self, **_: Any) -> None:
        self.asked += 1
        raise RedisConnectionError


def wait(condition: Callable[[], Any], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def entries_of(generation_id: UUID) -> list[Entry]:
    return [parse_entry(*raw) for raw in redis_client().xrange(stream_key(generation_id))]


def read(generation_id: UUID) -> LiveAnswer:
    answer = LiveAnswer(generation_id, uuid4())
    for entry in entries_of(generation_id):
        answer.apply(entry)
    return answer


def test_consecutive_pieces_become_one_entry_and_the_rest_stays_in_order() -> None:
    flusher, generation = Flusher(), uuid4()
    writer = flusher.writer(generation, 1)
    with flusher._changed:  # While the flusher is held up, everything waits.
        writer.fence()
        for piece in ("Five ", "days ", "are "):
            writer.append(piece)
        writer.note("Thinking")
        writer.append("free.")
        writer.end("complete")
    flusher.close()
    assert [(entry.seq, entry.kind, entry.text) for entry in entries_of(generation)] == [
        (0, "fence", ""),
        (1, "text", "Five days are "),
        (2, "note", "Thinking"),
        (3, "text", "free."),
        (4, "end", "complete"),
    ]


def test_the_seq_of_a_checkpoint_covers_exactly_its_text(flusher: Flusher) -> None:
    """A reader that takes the checkpoint and then the tail has every piece once."""
    generation, shown, checkpoints = uuid4(), "", []
    writer = flusher.writer(generation, 1)
    writer.fence()
    for number in range(300):
        writer.append(f"{number} ")
        shown += f"{number} "
        if number % 7 == 0:
            checkpoints.append((writer.seq, shown))
    writer.end("complete")
    wait(lambda: read(generation).ended)
    for seq, text in checkpoints:
        answer = LiveAnswer(generation, uuid4())
        answer.adopt_checkpoint(attempt=1, seq=seq, text=text)
        for entry in entries_of(generation):
            answer.apply(entry)
        assert (answer.text, answer.gap) == (shown, False)


def test_a_newer_attempt_fences_the_writer_and_spoils_no_other(flusher: Flusher) -> None:
    taken, other = uuid4(), uuid4()
    old, bystander = flusher.writer(taken, 1), flusher.writer(other, 1)
    old.fence()
    bystander.fence()
    wait(lambda: entries_of(taken) and entries_of(other))
    redis_client().xadd(stream_key(taken), fields("note"), id=entry_id(1, LAST_SEQ))
    old.append("too late")
    bystander.append("in time")
    wait(lambda: old.fenced and read(other).text)
    assert (read(taken).text, read(other).text) == ("", "in time")
    assert not bystander.fenced


def test_after_a_loss_the_snapshot_carries_all_text(flusher: Flusher) -> None:
    generation = uuid4()
    writer = flusher.writer(generation, 1)
    writer.fence()
    writer.append("one ")
    wait(lambda: read(generation).text == "one ")
    redis_client().delete(stream_key(generation))
    writer.append("two ")
    wait(lambda: writer.lost)
    writer.append("three ")
    covered = writer.seq
    writer.resync("one two three ")
    writer.append("four")
    wait(lambda: read(generation).text == "one two three four")
    assert entries_of(generation)[0].seq == covered + 1
    assert not writer.lost


def test_while_redis_is_away_nothing_piles_up(flusher: Flusher, monkeypatch: pytest.MonkeyPatch) -> None:
    away = FailingClient()
    with monkeypatch.context() as patched:
        patched.setattr(flusher_module, "redis_client", lambda: away)
        writer = flusher.writer(uuid4(), 1)
        writer.fence()
        wait(lambda: writer.lost)
        writer.append("dropped ")
        wait(lambda: not flusher._open)
        asked, before = away.asked, writer.seq
        for _ in range(1000):
            writer.append("text ")
            assert writer.seq > before  # Counted, so that a checkpoint is newer than the one before.
        wait(lambda: not flusher._open and not flusher._items)
        assert away.asked == asked
    writer.resync("text " * 1000)
    wait(lambda: read(writer.generation_id).text == "text " * 1000)


def test_a_redis_that_hangs_leaves_a_bounded_number_of_entries(
    flusher: Flusher, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs, asked = threading.Event(), threading.Event()

    class HungClient(FailingClient):
        def execute(self, **_: Any) -> None:
            asked.set()
            hangs.wait(60)
            raise RedisConnectionError

    monkeypatch.setattr(flusher_module, "MAX_WAITING", 10)
    monkeypatch.setattr(flusher_module, "redis_client", HungClient)
    writer = flusher.writer(uuid4(), 1)
    writer.fence()
    assert asked.wait(30)
    for number in range(100):
        writer.note(str(number))
    assert writer.lost
    assert len(flusher._items) == 10
    hangs.set()


def test_a_long_answer_keeps_a_bounded_stream(flusher: Flusher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flusher_module, "MAX_ENTRIES", 100)
    generation = uuid4()
    writer = flusher.writer(generation, 1)
    writer.fence()
    for number in range(2000):
        writer.note(str(number))
    writer.end("complete")
    wait(lambda: read(generation).ended)
    assert redis_client().xlen(stream_key(generation)) < 500
