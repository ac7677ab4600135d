"""Those who read: API streams and page sockets, as light as can be, since they share the product's cores."""

import asyncio
import json
import re
import time
from dataclasses import dataclass, field
from urllib.parse import urlencode
from uuid import uuid4

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin

from benchmarks.streams.product import Person

# What the scripted model writes when it is asked for stamps: a number, and milliseconds since 1970 in letters.
_STAMP = re.compile(rb"t(\d{6})([a-j]{13})")
_DIGITS = bytes.maketrans(b"abcdefghij", b"0123456789")
_STAMP_LENGTH = 21
_GENERATION = re.compile(rb'data-generation="([0-9a-f-]{36})"')
_CSRF = "c" * 32


@dataclass
class Reading:
    """What one reader saw. Times are seconds since 1970, lags milliseconds from a token's stamp to its receipt."""

    asked: float = 0.0
    acknowledged: float = 0.0
    first_token: float = 0.0
    ended: float = 0.0
    tokens: int = 0
    received: int = 0  # Bytes, headers and framing of HTTP included.
    refused: str = ""
    lags: list[float] = field(default_factory=list)
    received_at: list[float] = field(default_factory=list)  # Of each lag.

    def take(self, data: bytes) -> int:
        """Notes the stamps that are new; returns where the last one ended."""
        now, end = time.time(), 0
        for match in _STAMP.finditer(data):
            end = match.end()
            number = int(match[1])
            if number >= self.tokens:
                self.tokens = number + 1
                self.lags.append(1000 * now - int(match[2].translate(_DIGITS)))
                self.received_at.append(now)
        if self.tokens and not self.first_token:
            self.first_token = now
        return end


class ApiReader(asyncio.Protocol):
    """One request and its server-sent events, without an HTTP library between; `done` when the server hangs up."""

    def __init__(self, person: Person, prompt: str) -> None:
        body = {"model": "scripted", "stream": True, "messages": [{"role": "user", "content": prompt}]}
        self.request = post("/v1/chat/completions", json.dumps(body), f"Authorization: Bearer {person.key}")
        self.reading = Reading()
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tail = b""

    def data_received(self, data: bytes) -> None:
        if not self.reading.acknowledged:
            self.reading.acknowledged = time.time()
            if b" 200 " not in data[:20]:
                self.reading.refused = data[:20].decode(errors="replace")
        self.reading.received += len(data)
        data = self._tail + data
        self._tail = data[max(self.reading.take(data), len(data) - _STAMP_LENGTH) :]

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio passes it
        self.reading.ended = time.time()
        if not self.done.done():
            self.done.set_result(None)


async def read_api(port: int, person: Person, prompt: str) -> Reading:
    loop = asyncio.get_running_loop()
    transport, reader = await loop.create_connection(lambda: ApiReader(person, prompt), "127.0.0.1", port)
    reader.reading.asked = time.time()
    transport.write(reader.request)
    await reader.done
    return reader.reading


async def open_socket(port: int, person: Person) -> ClientConnection:
    headers = {"Cookie": f"sessionid={person.session}"}
    return await connect(
        f"ws://127.0.0.1:{port}/ws/",
        additional_headers=headers,
        origin=Origin(f"http://127.0.0.1:{port}"),
        max_size=None,
    )


async def read_page(port: int, person: Person, prompt: str, socket: ClientConnection | None = None) -> Reading:
    """What a page does: one socket, a message posted over HTTP, frames until the final one."""
    socket = socket or await open_socket(port, person)
    reading = Reading(asked=time.time())
    generation = await ask(port, person, prompt, reading)
    if generation:
        await follow(socket, generation, reading)
    reading.ended = time.time()
    await socket.close()
    return reading


async def ask(port: int, person: Person, prompt: str, reading: Reading, *, conversation: str = "") -> str:
    """Posts as the page does; returns the generation, "" when it was refused."""
    form = urlencode({"text": prompt, "message": str(uuid4()), "conversation": conversation or str(uuid4())})
    form_type = "Content-Type: application/x-www-form-urlencoded"
    headers = (_cookies(person), f"X-CSRFToken: {_CSRF}", "HX-Request: true", form_type)
    answer = await _exchange(port, post("/messages/", form, *headers))
    reading.acknowledged = time.time()
    found = _GENERATION.search(answer)
    if found is None:
        reading.refused = answer[:20].decode(errors="replace")
    return found[1].decode() if found else ""


async def fetch_page(port: int, person: Person, path: str) -> bytes:
    head = (f"GET {path} HTTP/1.1", "Host: 127.0.0.1", "Connection: close", _cookies(person), "", "")
    return await _exchange(port, "\r\n".join(head).encode())


async def follow(socket: ClientConnection, generation: str, reading: Reading) -> None:
    """Reads frames of any protocol; the final one repeats the whole answer and is not a delivery."""
    await socket.send(json.dumps({"type": "subscribe", "generation": generation, "seq": 0, "protocol": 2}))
    async for frame in socket:
        data = frame.encode() if isinstance(frame, str) else frame
        reading.received += len(data)
        if data.startswith(b'{"type":"final"') or b'"type":"final"' in data[:120]:
            reading.tokens = max(reading.tokens, *(int(found[1]) + 1 for found in _STAMP.finditer(data)), 0)
            return
        reading.take(data)


async def _exchange(port: int, request: bytes) -> bytes:
    stream, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await stream.read(-1)
    writer.close()
    return answer


def _cookies(person: Person) -> str:
    return f"Cookie: sessionid={person.session}; csrftoken={_CSRF}"


def post(path: str, body: str, *headers: str) -> bytes:
    encoded = body.encode()
    kind = [] if any(header.startswith("Content-Type") for header in headers) else ["Content-Type: application/json"]
    head = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Connection: close", f"Content-Length: {len(encoded)}"]
    return "\r\n".join([*head, *kind, *headers, "", ""]).encode() + encoded
