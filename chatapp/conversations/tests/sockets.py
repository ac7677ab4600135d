"""Sockets of signed-in people for tests, through the real ASGI application."""

import asyncio
import json
from typing import Any

from channels.db import database_sync_to_async
from django.conf import settings
from django.test import Client

from chatapp.accounts.models import User
from chatapp.asgi import application
from chatapp.conversations.models import Generation
from tests.sockets import SocketClient

ORIGIN = b"http://localhost"


def sign_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def socket_of(client: Client, *headers: tuple[bytes, bytes]) -> SocketClient:
    cookie = f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"
    own = [(b"host", b"localhost"), (b"origin", ORIGIN), (b"cookie", cookie.encode())]
    return SocketClient(application, "/ws/", [*own, *headers])


async def opened(client: Client) -> SocketClient:
    socket = socket_of(client)
    assert await socket.connect()
    return socket


async def subscribe(socket: SocketClient, generation: Generation) -> None:
    await socket.send(json.dumps({"type": "subscribe", "generation": str(generation.id), "protocol": 2}))


async def closes(socket: SocketClient, code: int, *, within: float = 5) -> list[dict[str, Any]]:
    """The frames until the socket is closed with this code, in that time; nothing comes after it."""
    outputs: list[dict[str, Any]] = []
    async with asyncio.timeout(within):
        while not outputs or outputs[-1]["type"] != "websocket.close":
            outputs.append(await socket.next_output(within))
    assert outputs[-1]["code"] == code
    assert await socket.is_silent()
    return [json.loads(output["text"]) for output in outputs[:-1]]


in_database = database_sync_to_async
