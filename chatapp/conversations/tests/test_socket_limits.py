"""What a socket takes: origins, headers, frames of every shape, and how many of them."""

import json
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatapp.accounts.models import SignIn, User
from chatapp.conversations import consumers
from chatapp.conversations.frames import FRAME_TYPES, Frame, MalformedFrameError, parse_frame
from chatapp.conversations.models import Generation, Status
from chatapp.conversations.sockets import shares
from chatapp.conversations.tests.conftest import Ask
from chatapp.conversations.tests.sockets import closes, in_database, opened, sign_in, socket_of, subscribe

FOREIGN = [
    None,
    b"",
    b"null",
    b"http://evil.example",
    b"http://localhost.evil.example",
    b"http://evil.localhost",
    b"http://localhost@evil.example",
    b"http://evil.example@localhost",
    b"http://localhost/",
    b"http://localhost:81",
    b"https://localhost",
    b"ws://localhost",
    b"//localhost",
    b"localhost",
    b"http://LOCALHOST.",
    b"http://localhost\x00",
    b"http://localhost, http://evil.example",
]


@pytest.fixture(autouse=True)
def fresh_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "shares", shares.Shares())


async def is_refused(client: Any, monkeypatch: pytest.MonkeyPatch, origin: bytes | None, host: bytes) -> bool:
    async def ran(*_: Any) -> None:
        pytest.fail("the consumer ran")

    monkeypatch.setattr(consumers.ChatConsumer, "connect", ran)
    socket = socket_of(client)
    headers = [(name, value) for name, value in socket.headers if name not in {b"origin", b"host"}]
    headers += [(b"host", host)] + ([(b"origin", origin)] if origin is not None else [])
    return not await type(socket)(socket.application, "/ws/", headers).connect()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("origin", FOREIGN)
async def test_b04_a_handshake_of_another_origin_never_reaches_the_consumer(
    origin: bytes | None, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await is_refused(await in_database(sign_in)(alice), monkeypatch, origin, b"localhost")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("origin", [b"http://localhost", b"https://localhost:444", b"https://localhost.evil.example"])
async def test_b04_under_https_plain_http_is_another_origin(
    origin: bytes, alice: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.HTTPS = True
    assert await is_refused(await in_database(sign_in)(alice), monkeypatch, origin, b"localhost")


@pytest.mark.django_db(transaction=True)
async def test_b04_two_origins_are_none(alice: User) -> None:
    client = await in_database(sign_in)(alice)
    assert not await socket_of(client, (b"origin", b"http://localhost")).connect()
    assert not await socket_of(client, (b"host", b"localhost")).connect()
    assert await socket_of(client).connect()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", [b"x_forwarded_for", b"x-forwarded-for", b"x_remote_user", b"remote_user", b"x-user"])
async def test_b05_headers_of_a_handshake_change_neither_person_nor_address(
    name: bytes, alice: User, mallory: User
) -> None:
    entered: list[tuple[Any, str]] = []

    def enter(_: shares.Shares, user_id: Any, address: str) -> int:
        entered.append((user_id, address))
        return 0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shares.Shares, "enter", enter)
        client = await in_database(sign_in)(mallory)
        for headers in ([], [(name, b"203.0.113.9")], [(name, b"alice")]):
            socket = socket_of(client, *headers)
            assert await socket.connect()
            await socket.disconnect()
    assert set(entered) == {(mallory.pk, "")}
    assert not await SignIn.objects.filter(user=alice).aexists()


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.uuids().map(str)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
known_keys = st.sampled_from(["type", "generation", "seq", "protocol", "__class__"])
near_frames = st.dictionaries(known_keys, values | st.sampled_from(sorted(FRAME_TYPES)), max_size=5)
odd_frames = (
    st.text()
    | values.map(json.dumps)
    | near_frames.map(json.dumps)
    | st.sampled_from(
        [
            "[" * 100_000,
            '{"type":' * 50_000,
            '{"type": "stop", "generation": ' + "9" * 5_000 + "}",
            "\ud800",
            "NaN",
            "1e999",
        ]
    )
)


@given(odd_frames)
def test_e09_any_text_is_a_frame_or_malformed(text: str) -> None:
    try:
        frame = parse_frame(text)
    except MalformedFrameError:
        return
    assert isinstance(frame, Frame)
    assert frame.type in FRAME_TYPES
    assert type(frame.seq) is type(frame.protocol) is int
    assert frame.seq >= 0


@pytest.mark.django_db(transaction=True)
async def test_e09_odd_frames_close_their_socket_and_another_goes_on(alice: User, ask: Ask) -> None:
    generation = await in_database(ask)(alice)
    client = await in_database(sign_in)(alice)
    other = await opened(client)
    frames: list[str] = []

    @settings(max_examples=25, suppress_health_check=list(HealthCheck), database=None)
    @given(odd_frames)
    def collect(text: str) -> None:
        frames.append(text)

    collect()
    for text in frames:
        socket = await opened(client)
        await socket.send(text)
        await socket.send('{"type": "ping"}')
        output = await socket.next_output()
        if output["type"] == "websocket.close":
            assert output["code"] == 4400
        else:
            assert json.loads(output["text"])["type"] in {"error", "pong"}
            await socket.disconnect()
    await subscribe(other, generation)
    assert (await other.next_frame())["status"] == "queued"
    assert (await Generation.objects.aget()).status == Status.QUEUED
    await other.disconnect()


@pytest.mark.django_db(transaction=True)
async def test_e10_sockets_of_one_user_are_limited_and_another_gets_in(alice: User, bob: User, settings: Any) -> None:
    settings.SOCKETS_PER_USER = 3
    client = await in_database(sign_in)(alice)
    held = [await opened(client) for _ in range(3)]
    for _ in range(2):
        one_more = await opened(client)
        closed = await one_more.next_output()
        assert (closed["code"], closed["reason"]) == (4429, "retry after 30 s")
        await one_more.disconnect()
    others = await opened(await in_database(sign_in)(bob))
    await held.pop().disconnect()
    again = await opened(client)
    assert await again.is_silent()
    for socket in (*held, others, again):
        await socket.disconnect()


@pytest.mark.django_db(transaction=True)
async def test_e10_sockets_of_one_address_are_limited(alice: User, bob: User, settings: Any) -> None:
    settings.SOCKETS_PER_ADDRESS = 1
    settings.BEHIND_PROXY = True
    from_there = (b"x-forwarded-for", b"198.51.100.1, 203.0.113.9")
    first = socket_of(await in_database(sign_in)(alice), from_there)
    second = socket_of(await in_database(sign_in)(bob), from_there)
    assert await first.connect()
    assert await second.connect()
    await closes(second, 4429)
    elsewhere = socket_of(await in_database(sign_in)(bob), (b"x-forwarded-for", b"203.0.113.10"))
    assert await elsewhere.connect()
    assert await elsewhere.is_silent()


@pytest.mark.django_db(transaction=True)
async def test_e10_frames_beyond_the_rate_close_the_socket_and_another_user_is_not_touched(
    alice: User, bob: User, settings: Any
) -> None:
    settings.SOCKET_FRAMES_PER_SECOND = 10
    mine, others = await opened(await in_database(sign_in)(alice)), await opened(await in_database(sign_in)(bob))
    for _ in range(60):
        await mine.send('{"type": "ping"}')
    outputs: list[dict[str, Any]] = []
    while not outputs or outputs[-1]["type"] != "websocket.close":
        outputs.append(await mine.next_output())
    assert (outputs[-1]["code"], outputs[-1]["reason"]) == (4429, "retry after 1 s")
    assert 40 <= len(outputs) <= 60
    again = await opened(await in_database(sign_in)(alice))
    assert (await again.next_output())["code"] == 4429
    await others.send('{"type": "ping"}')
    assert await others.next_frame() == {"type": "pong"}
    await others.disconnect()


def test_e10_a_share_is_whole_again_when_its_sockets_have_gone(settings: Any) -> None:
    settings.SOCKETS_PER_USER, settings.SOCKET_FRAMES_PER_SECOND = 2, 1000
    held, user = shares.Shares(), uuid4()
    for _ in range(200):
        assert held.enter(user, "203.0.113.9") == held.enter(user, "203.0.113.9") == 0
        assert held.enter(user, "203.0.113.9") == shares.FULL_SECONDS
        held.leave(user, "203.0.113.9")
        held.leave(user, "203.0.113.9")
    assert held._at_address == held._of_user == {}
