"""The socket through the real ASGI application: a session cookie, an Origin, real streams."""

import asyncio
import itertools
import json
import threading
from typing import Any
from uuid import uuid4

import pytest
from channels.db import database_sync_to_async
from django.conf import settings as django_settings
from django.test import Client

from chatapp.accounts.models import User
from chatapp.asgi import application
from chatapp.conversations import consumers, events, services
from chatapp.conversations.markdown import render_markdown
from chatapp.conversations.models import Generation, Message, Status
from chatapp.conversations.relay import SlowReaderError
from chatapp.conversations.tests.conftest import Ask
from chatapp.conversations.tests.page import Page
from chatapp.conversations.workers.inference import InferenceWorker
from tests.sockets import SocketClient

pytestmark = pytest.mark.django_db(transaction=True)
ORIGIN = b"http://localhost"


def connect(user: User | None = None, *, origin: bytes | None = ORIGIN, host: bytes = b"localhost") -> SocketClient:
    headers = [(b"host", host)]
    if origin is not None:
        headers.append((b"origin", origin))
    if user is not None:
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        cookie = client.cookies[django_settings.SESSION_COOKIE_NAME].value
        headers.append((b"cookie", f"{django_settings.SESSION_COOKIE_NAME}={cookie}".encode()))
    return SocketClient(application, "/ws/", headers)


async def opened(user: User) -> SocketClient:
    socket: SocketClient = await database_sync_to_async(connect)(user)
    assert await socket.connect()
    return socket


async def frames_until_final(socket: SocketClient) -> list[dict[str, Any]]:
    frames: list[dict[str, Any]] = []
    while not frames or frames[-1]["type"] not in {"final", "error"}:
        frames.append(await socket.next_frame())
    return frames


async def subscribe(socket: SocketClient, generation: Generation, **changes: Any) -> None:
    frame = {"type": "subscribe", "generation": str(generation.id), "seq": 0, "protocol": 2}
    await socket.send(json.dumps(frame | changes))


def start_slot(worker: InferenceWorker) -> threading.Thread:
    slot = threading.Thread(target=worker.answer_all)
    slot.start()
    return slot


async def test_an_answer_streams_and_ends_with_its_rendering(alice: User, ask: Ask, worker: InferenceWorker) -> None:
    generation = await database_sync_to_async(ask)(alice, "rate=200 tokens=100")
    socket = await opened(alice)
    await subscribe(socket, generation)
    first = await socket.next_frame()
    assert (first["type"], first["status"], first["position"]) == ("status", "queued", 1)
    slot = start_slot(worker)
    frames = await frames_until_final(socket)
    await asyncio.to_thread(slot.join)
    page = Page()
    for frame in frames:
        page.apply(frame)
    assert (page.resets, page.kept) == (1, True)
    assert page.frames >= 4
    assert frames[-1]["status"] == "complete"
    assert 'data-status="complete"' in page.final
    message = await Message.objects.aget(id=generation.message_id)
    assert message.text.split() == [f"t{number:06}" for number in range(100)]
    assert page.html == render_markdown(message.text, message_id=message.id)
    await socket.disconnect()


async def test_a_page_from_before_protocol_2_gets_the_whole_text(
    alice: User, ask: Ask, worker: InferenceWorker
) -> None:
    generation = await database_sync_to_async(ask)(alice, "rate=40 tokens=120")
    socket = await opened(alice)
    await subscribe(socket, generation, protocol=None)
    slot = start_slot(worker)
    frames = await frames_until_final(socket)
    await asyncio.to_thread(slot.join)
    texts = [frame for frame in frames if frame["type"] not in {"status", "final"}]
    assert {frame["type"] for frame in texts} == {"snapshot"}
    assert [frame["open"] for frame in texts] == [""] * len(texts)
    assert all(old["html"][:-5] in new["html"] for old, new in itertools.pairwise(texts))
    assert all(f"t{number:06}" in frames[-1]["html"] for number in range(120))
    await socket.disconnect()


async def test_a_ping_is_answered(alice: User) -> None:
    socket = await opened(alice)
    await socket.send('{"type": "ping"}')
    assert await socket.next_frame() == {"type": "pong"}
    await socket.disconnect()


async def test_two_sockets_and_a_late_one_see_the_same(alice: User, ask: Ask, worker: InferenceWorker) -> None:
    generation = await database_sync_to_async(ask)(alice, "rate=100 tokens=120")
    early, second = await opened(alice), await opened(alice)
    await subscribe(early, generation)
    await subscribe(second, generation)
    slot = start_slot(worker)
    await asyncio.sleep(0.6)
    late = await opened(alice)
    await subscribe(late, generation)
    ends = [(await frames_until_final(socket))[-1]["html"] for socket in (early, second, late)]
    await asyncio.to_thread(slot.join)
    assert ends[0] == ends[1] == ends[2]
    for socket in (early, second, late):
        await socket.disconnect()


async def test_a_finished_answer_is_answered_by_its_rendering(alice: User, ask: Ask, worker: InferenceWorker) -> None:
    generation = await database_sync_to_async(ask)(alice)
    await asyncio.to_thread(worker.answer_all)
    socket = await opened(alice)
    await subscribe(socket, generation)
    assert [frame["type"] for frame in await frames_until_final(socket)] == ["final"]
    await socket.disconnect()


async def test_stop_over_the_socket_ends_a_queued_answer(alice: User, ask: Ask) -> None:
    generation = await database_sync_to_async(ask)(alice)
    socket = await opened(alice)
    await subscribe(socket, generation)
    await socket.send(json.dumps({"type": "stop", "generation": str(generation.id)}))
    assert (await frames_until_final(socket))[-1]["status"] == "stopped"
    await socket.disconnect()


@pytest.mark.parametrize("kind", ["subscribe", "stop"])
async def test_a_stranger_gets_what_nobodys_id_gets(alice: User, mallory: User, ask: Ask, kind: str) -> None:
    generation = await database_sync_to_async(ask)(alice)
    socket = await opened(mallory)
    answers = []
    for generation_id in (generation.id, uuid4()):
        await socket.send(json.dumps({"type": kind, "generation": str(generation_id)}))
        answer = await socket.next_frame()
        answers.append({**answer, "generation": answer["generation"] == str(generation_id)})
    assert answers[0] == answers[1]
    assert answers[0]["code"] == "not_found"
    assert await socket.is_silent()
    assert (await Generation.objects.aget()).status == Status.QUEUED
    await socket.disconnect()


async def test_without_a_sign_in_the_handshake_is_refused() -> None:
    assert not await connect().connect()


@pytest.mark.parametrize(
    "origin",
    [
        None,
        b"null",
        b"http://evil.example",
        b"http://localhost.evil.example",
        b"https://localhost",
        b"http://localhost:81",
    ],
)
async def test_other_origins_never_reach_the_consumer(alice: User, origin: bytes | None) -> None:
    socket = await database_sync_to_async(connect)(alice, origin=origin)
    assert not await socket.connect()


async def test_a_host_that_is_not_ours_is_refused(alice: User) -> None:
    socket = await database_sync_to_async(connect)(alice, origin=b"http://evil.example", host=b"evil.example")
    assert not await socket.connect()


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "{",
        "null",
        "[]",
        "7",
        '"subscribe"',
        '{"type": "subscribe"}',
        '{"type": "shout", "generation": "7b0f6a9c-3f0e-4f5b-9a53-0f4f5b9a5300"}',
        '{"type": "subscribe", "generation": 7}',
        '{"type": "subscribe", "generation": "7b0f6a9c-3f0e-4f5b-9a53-0f4f5b9a5300", "seq": -1}',
        '{"type": "subscribe", "generation": "7b0f6a9c-3f0e-4f5b-9a53-0f4f5b9a5300", "seq": "1"}',
        '{"type": "subscribe", "generation": "7b0f6a9c-3f0e-4f5b-9a53-0f4f5b9a5300", "protocol": true}',
        '{"type": "subscribe", "generation": "A-1"}',
        '{"type": "__class__", "generation": "7b0f6a9c-3f0e-4f5b-9a53-0f4f5b9a5300"}',
        '{"type": ["subscribe"], "generation": "7b0f6a9c-3f0e-4f5b-9a53-0f4f5b9a5300"}',
        "[" * 100_000,
    ],
)
async def test_a_malformed_frame_closes_this_socket_and_no_other(alice: User, ask: Ask, frame: str) -> None:
    generation = await database_sync_to_async(ask)(alice)
    other, socket = await opened(alice), await opened(alice)
    await socket.send(frame)
    closed = await socket.next_output()
    assert (closed["type"], closed["code"]) == ("websocket.close", 4400)
    await subscribe(other, generation)
    assert (await other.next_frame())["status"] == "queued"
    await other.disconnect()


async def test_a_binary_frame_is_malformed(alice: User) -> None:
    socket = await opened(alice)
    await socket.send(data=b"\xff\xfe")
    assert (await socket.next_output())["code"] == 4400


async def test_signing_out_closes_the_users_sockets_only(alice: User, bob: User) -> None:
    mine, other = await opened(alice), await opened(bob)
    await asyncio.to_thread(events.close_sockets, alice.id)
    assert (await mine.next_output())["code"] == 4401
    assert await other.is_silent()
    await other.disconnect()


async def test_too_many_subscriptions_close_the_socket(alice: User, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatapp.conversations.consumers.MAX_SUBSCRIPTIONS", 2)
    generations = [await database_sync_to_async(ask)(alice) for _ in range(3)]
    socket = await opened(alice)
    for generation in generations:
        await subscribe(socket, generation)
    while (output := await socket.next_output())["type"] != "websocket.close":
        pass
    assert output["code"] == 4429


async def test_a_socket_that_takes_nothing_is_closed(alice: User, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    async def stand_still(*_: Any, **__: Any) -> None:
        raise SlowReaderError

    monkeypatch.setattr("chatapp.conversations.consumers.relay_answer", stand_still)
    generation = await database_sync_to_async(ask)(alice)
    socket = await opened(alice)
    await subscribe(socket, generation)
    closed = await socket.next_output()
    assert (closed["type"], closed["code"]) == ("websocket.close", 1013)


async def test_a_deleted_conversation_ends_the_subscription(alice: User, ask: Ask) -> None:
    generation = await database_sync_to_async(ask)(alice)
    socket = await opened(alice)
    await subscribe(socket, generation)
    await socket.next_frame()
    message = await Message.objects.aget(id=generation.message_id)
    await database_sync_to_async(services.delete_conversation)(user=alice, conversation_id=message.conversation_id)
    assert (await frames_until_final(socket))[-1]["code"] == "not_found"
    await socket.disconnect()


async def test_the_list_is_fetched_anew_by_its_owner_only(alice: User, mallory: User) -> None:
    socket, others = await opened(alice), await opened(mallory)
    await database_sync_to_async(events.reload_list)(alice.id)
    assert await socket.next_frame() == {"type": "reload"}
    await database_sync_to_async(events.close_sockets)(mallory.id)
    assert (await others.next_output())["code"] == 4401


async def test_pages_of_the_owner_hear_of_a_new_message_and_of_a_deletion(alice: User, mallory: User, ask: Ask) -> None:
    socket, others = await opened(alice), await opened(mallory)
    generation = await database_sync_to_async(ask)(alice)
    message = await Message.objects.aget(id=generation.message_id)
    conversation = message.conversation_id
    changed = {"type": "changed", "conversation": str(conversation)}
    assert await socket.next_frame() == {**changed, "message": str(message.id)}
    await database_sync_to_async(services.delete_conversation)(user=alice, conversation_id=conversation)
    assert await socket.next_frame() == {**changed, "message": None}
    assert await others.is_silent()
    await socket.disconnect()
    await others.disconnect()


async def test_a_page_that_leaves_in_mid_send_is_no_error(
    alice: User, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Servers raise an OSError for a frame to a page that has left."""

    async def leave(*_: Any, **__: Any) -> None:
        raise ConnectionResetError

    errors: list[str] = []
    monkeypatch.setattr(consumers.log, "exception", lambda event, **_: errors.append(event))
    generation = await database_sync_to_async(ask)(alice)
    socket = await opened(alice)
    monkeypatch.setattr(consumers.ChatConsumer, "send", leave)
    await subscribe(socket, generation)
    assert await socket.is_silent()
    assert errors == []
    await socket.disconnect()
