"""D08 at the real server: bodies that lie about their size, and multipart bodies that are dear to take apart."""

import re
import socket
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from tests.stack import Stack

pytestmark = pytest.mark.e2e
MIB = 1024 * 1024
BODY = 200 * MIB
GROWTH = 32 * MIB
SECONDS = 30.0
BOUNDARY = "----d08"
PART = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="collection"\r\n\r\nengineering-notes\r\n'
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\nContent-Type: text/plain\r\n'
)
END = f"\r\n--{BOUNDARY}--\r\n".encode()
CHUNKED = "Transfer-Encoding: chunked"
BASE64 = "Content-Transfer-Encoding: base64"
ALLOWED = 26 * MIB  # of a body: an upload and a little more


@dataclass(frozen=True)
class Outcome:
    statuses: list[int]
    sent: int
    seconds: float


@pytest.fixture(scope="module")
def key(stack: Stack) -> str:
    stack.serve("scripted")
    return stack.manage("create_api_key", "alice").split()[-1]


@pytest.fixture
def unharmed(stack: Stack) -> Iterator[None]:
    """The web process is the same afterwards and was at no moment much bigger."""
    pid = stack.pids["web"]
    Path(f"/proc/{pid}/clear_refs").write_text("5")  # proc(5): sets the peak to what is resident now
    before = peak(pid)
    yield
    assert stack.pids["web"] == pid
    assert stack.is_ready()
    grown = peak(pid) - before
    print(f"\nD08: grew by {grown / MIB:.1f} MiB at most")  # noqa: T201
    assert grown < GROWTH


def peak(pid: int) -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def post(stack: Stack, key: str, *lines: str, pieces: Iterator[bytes]) -> Outcome:
    """Sends for as long as it is taken, and then reads what was answered."""
    head = [
        "POST /api/v1/documents HTTP/1.1",
        f"Host: {urlsplit(stack.base_url).netloc}",
        f"Authorization: Bearer {key}",
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}",
        "Connection: close",
        *lines,
    ]
    sent, answer, began = 0, b"", time.monotonic()
    with socket.create_connection(("127.0.0.1", stack.port), timeout=SECONDS) as connection:
        with suppress(OSError):
            connection.sendall(("\r\n".join(head) + "\r\n\r\n").encode())
            for piece in pieces:
                connection.sendall(piece)
                sent += len(piece)
        with suppress(OSError):  # a reset, where the server has closed while bytes were on their way
            while part := connection.recv(65536):
                answer += part
    statuses = [int(found) for found in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]
    return Outcome(statuses, sent, time.monotonic() - began)


def chunks(pieces: Iterator[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        yield f"{len(piece):x}\r\n".encode() + piece + b"\r\n"
    yield b"0\r\n\r\n"


def multipart(fill: bytes, size: int, *headers: str) -> Iterator[bytes]:
    yield (PART + "".join(f"{header}\r\n" for header in headers) + "\r\n").encode()
    block = fill * (MIB // max(len(fill), 1))
    for _ in range(size // MIB):
        yield block
    yield END


def assert_refused(outcome: Outcome) -> None:
    """The connection may be gone before the answer was read."""
    assert set(outcome.statuses) <= {400, 413}
    assert outcome.statuses or outcome.sent < BODY
    assert outcome.seconds < SECONDS


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize("fill", [b"x", b" ", b"\r\n"], ids=["letters", "spaces", "lines"])
@pytest.mark.parametrize("headers", [(), (BASE64,)], ids=["plain", "base64"])
def test_d08_a_chunked_body_of_200_mib(stack: Stack, key: str, fill: bytes, headers: tuple[str, ...]) -> None:
    outcome = post(stack, key, CHUNKED, pieces=chunks(multipart(fill, BODY, *headers)))
    assert_refused(outcome)
    assert outcome.sent < 2 * ALLOWED


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize("length", ["0", "10", "1000"])
def test_d08_a_body_longer_than_it_says(stack: Stack, key: str, length: str) -> None:
    """What comes after it is thrown away, and is no second request either."""
    outcome = post(stack, key, f"Content-Length: {length}", pieces=multipart(b"x", BODY))
    assert outcome.statuses[:1] in ([], [400])
    assert_refused(outcome)


@pytest.mark.usefixtures("unharmed")
def test_d08_a_body_of_two_lengths(stack: Stack, key: str) -> None:
    assert_refused(post(stack, key, CHUNKED, "Content-Length: 10", pieces=chunks(multipart(b"x", BODY))))


def test_an_honest_part_of_base64_is_taken_apart(stack: Stack, key: str) -> None:
    pieces = [*multipart(b"", 0, BASE64)]
    pieces.insert(1, b64encode(f"The harbour opens at six. {uuid4()}".encode()))
    outcome = post(stack, key, f"Content-Length: {sum(map(len, pieces))}", pieces=iter(pieces))
    assert outcome.statuses == [202]


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize("fill", [b" ", b"\t\r\n", b"A", b"A   "], ids=["spaces", "mixed", "letters", "sparse"])
def test_d08_megabytes_of_space_in_a_part_of_base64(stack: Stack, key: str, fill: bytes) -> None:
    """Within the limit, so it is taken apart: at the price of its size, and no upload comes of space alone."""
    outcome = post(stack, key, CHUNKED, pieces=chunks(multipart(fill, 24 * MIB, BASE64)))
    assert len(outcome.statuses) == 1
    assert outcome.statuses[0] in ({400, 413} if not fill.strip() else {202, 400, 413, 415})
    assert outcome.seconds < SECONDS
