"""A page that is rendered in mid-answer holds what its reader has seen, not only the last checkpoint."""

from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import reverse
from redis import Redis

from chatapp.accounts.models import User
from chatapp.conversations.models import Generation, Status
from chatapp.conversations.streams import tail
from chatapp.conversations.streams.entries import Kind, entry_id, fields, stream_key
from chatapp.conversations.tests.conftest import Ask
from chatapp.redis import redis_client

pytestmark = pytest.mark.django_db


@pytest.fixture
def running(alice: User, ask: Ask) -> Iterator[Generation]:
    """Its checkpoint covers two entries."""
    generation = ask(alice)
    state = {"status": Status.ANSWERING, "attempt": 1, "checkpoint": "one two ", "checkpoint_seq": 2}
    Generation.objects.filter(id=generation.id).update(**state)
    generation.refresh_from_db()
    write(generation, 1, "one ")
    write(generation, 2, "two ")
    yield generation
    redis_client().delete(stream_key(generation.id))


def write(generation: Generation, seq: int, text: str, kind: Kind = "text") -> None:
    redis_client().xadd(stream_key(generation.id), fields(kind, text), id=entry_id(1, seq))


def read(generation: Generation) -> tuple[str, int]:
    tail.read_tails([generation])
    return generation.checkpoint, generation.checkpoint_seq


def test_what_the_stream_holds_is_added(running: Generation) -> None:
    write(running, 3, "three ")
    write(running, 4, "Searching", kind="note")
    write(running, 5, "four")
    assert read(running) == ("one two three four", 5)


def test_text_behind_a_gap_is_left_to_the_socket(running: Generation) -> None:
    write(running, 4, "four")
    assert read(running) == ("one two ", 2)


def test_a_snapshot_replaces_what_went_before(running: Generation) -> None:
    write(running, 7, "one two three", kind="snapshot")
    assert read(running) == ("one two three", 7)


def test_without_the_stream_the_checkpoint_stands(running: Generation) -> None:
    redis_client().delete(stream_key(running.id))
    assert read(running) == ("one two ", 2)


def test_without_redis_the_checkpoint_stands(running: Generation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "redis_client", lambda **_: Redis(port=1, socket_connect_timeout=0.2))
    assert read(running) == ("one two ", 2)


def test_an_answer_that_waits_or_has_ended_is_not_looked_up(running: Generation) -> None:
    running.status = Status.QUEUED
    write(running, 3, "three")
    assert read(running) == ("one two ", 2)


@pytest.mark.parametrize("name", ["conversation", "message"])
def test_pages_and_polls_show_it(alice: User, running: Generation, name: str) -> None:
    write(running, 3, "three")
    client = Client()
    client.force_login(alice)
    ids = (
        [running.message.conversation_id]
        if name == "conversation"
        else [
            running.message.conversation_id,
            running.message_id,
        ]
    )
    html = client.get(reverse(name, args=ids)).content.decode()
    assert "one two three" in html
    assert 'data-seq="3"' in html
