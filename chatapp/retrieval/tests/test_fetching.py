"""D07: what is fetched from a URL that a user gives never leads inside, elsewhere, or on without end."""

import gzip
import io
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from chatapp.retrieval.fetching import Fetched, FetchError, complain_of, fetch, is_allowed
from chatapp.retrieval.tests.serving import Servers, answer, servers
from tests.listener import Listener

FORBIDDEN = [
    *("file:///etc/passwd", "gopher://files.example", "ftp://files.example", "//files.example", "javascript:alert(1)"),
    *("", "https://", "https:///x", "https://files.example:x", "https://files.example/\n", "https://" + "a" * 2100),
    *("https://user:pw@files.example", "https://user@files.example", "https://files.example\\@evil", "http://a b"),
    *("http://127.0.0.1", "http://127.1", "http://localhost", "http://LOCALHOST.", "http://[::1]", "http://[::]"),
    *("http://0", "http://0.0.0.0", "http://0x7f.1", "http://0177.0.0.1", "http://2130706433", "http://0x7f000001"),
    *("http://10.0.0.1", "http://172.16.0.1", "http://192.168.1.1", "http://100.64.0.1", "http://[fd12::1]"),
    *("http://[::ffff:10.0.0.1]", "http://[::ffff:a9fe:a9fe]", "http://[64:ff9b::a00:1]", "http://[2002:a00:1::]"),
    *("http://169.254.169.254", "http://[fe80::1]", "http://[fd00:ec2::254]", "http://100.100.100.200"),
    *("http://224.0.0.1", "http://255.255.255.255", "http://[ff02::1]"),
]
NEVER = ["169.254.169.254", "fe80::1", "100.100.100.200", "fd00:ec2::254", "0.0.0.0", "224.0.0.1"]


@pytest.fixture
def running() -> Iterator[Servers]:
    with servers() as started:
        yield started


@pytest.fixture
def loopback(settings: Any) -> None:
    settings.CONNECTOR_ALLOWED_HOSTS = {"127.0.0.1"}


def get(url: str, **how: Any) -> tuple[Fetched, bytes]:
    into = io.BytesIO()
    return fetch(url, into=into, **{"max_bytes": 1_000_000, **how}), into.getvalue()


def resolve_to(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Let names mean these addresses, one list for each look-up; gives the names that were looked up."""
    asked: list[str] = []

    def look_up(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        found = answers[min(len(asked), len(answers)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return asked


def note_connections(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    connected: list[Any] = []

    def connect(_: socket.socket, place: Any) -> None:
        connected.append(place)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket.socket, "connect", connect)
    return connected


@pytest.mark.parametrize("url", FORBIDDEN)
def test_d07_an_address_inside_or_of_another_kind_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("it connected"))
    assert complain_of(url)
    with pytest.raises(FetchError, match="not allowed"):
        get(url)


@pytest.mark.parametrize("address", ["10.1.2.3", "127.0.0.1", "192.168.0.9", "100.64.0.1", *NEVER])
def test_d07_a_name_that_leads_inside_is_not_connected_to(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    resolve_to(monkeypatch, [address])
    connected = note_connections(monkeypatch)
    with pytest.raises(FetchError, match="leads to no allowed address"):
        get("https://files.example/")
    assert connected == []


@pytest.mark.parametrize("name", ["metadata.google.internal", "metadata", "instance-data"])
def test_d07_a_name_of_metadata_is_refused_by_where_it_leads(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    resolve_to(monkeypatch, ["169.254.169.254"])
    connected = note_connections(monkeypatch)
    with pytest.raises(FetchError, match="no allowed address"):
        get(f"http://{name}/computeMetadata/v1/")
    assert connected == []


@pytest.mark.parametrize("order", [["93.184.215.14", "10.0.0.1"], ["10.0.0.1", "93.184.215.14"]])
def test_d07_mixed_addresses_are_refused_as_a_whole(monkeypatch: pytest.MonkeyPatch, order: list[str]) -> None:
    resolve_to(monkeypatch, order)
    connected = note_connections(monkeypatch)
    with pytest.raises(FetchError, match="no allowed address"):
        get("https://files.example/")
    assert connected == []


def test_d07_rebinding_does_not_matter_since_a_name_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = resolve_to(monkeypatch, ["93.184.215.14"], ["127.0.0.1"])
    connected = note_connections(monkeypatch)
    with pytest.raises(FetchError, match="cannot be reached"):
        get("https://files.example/")
    assert (asked, connected) == (["files.example"], [("93.184.215.14", 443)])


@pytest.mark.usefixtures("loopback")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_d07_a_redirect_inside_is_not_followed(running: Servers, status: int) -> None:
    trap = Listener()
    port = trap.url.rpartition(":")[2]
    targets = [f"http://localhost:{port}/", f"http://[::1]:{port}/", "file:///etc/passwd"]
    url = running.start(lambda handler: answer(handler, status=status, Location=targets[0]))
    while targets:
        with pytest.raises(FetchError, match="not allowed"):
            get(url)
        targets.pop(0)
    assert trap.calls == 0
    trap.close()


@pytest.mark.usefixtures("loopback")
def test_d07_a_name_is_judged_anew_at_each_redirect(running: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    url = running.start(lambda handler: answer(handler, status=302, Location="http://files.example/"))
    real = socket.getaddrinfo

    def look_up(host: str, port: int, **how: Any) -> list[Any]:
        return real("127.0.0.1", port, **how) if host == "127.0.0.1" else real("127.0.0.2", port, **how)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(FetchError, match="no allowed address"):
        get(url)


@pytest.mark.usefixtures("loopback")
def test_d07_credentials_stay_with_the_first_origin(running: Servers) -> None:
    seen: list[str | None] = []

    def note(handler: BaseHTTPRequestHandler) -> None:
        seen.append(handler.headers["Authorization"])
        answer(handler, b"ok")

    elsewhere = running.start(note)
    url = running.start(lambda handler: answer(handler, status=302, Location=f"{elsewhere}/page"))
    fetched, body = get(url, credentials={"Authorization": "Bearer secret"})
    assert (seen, body, fetched.url) == ([None], b"ok", f"{elsewhere}/page")
    get(elsewhere, credentials={"Authorization": "Bearer secret"})
    assert seen == [None, "Bearer secret"]


@pytest.mark.usefixtures("loopback")
def test_d07_a_circle_of_redirects_ends(running: Servers) -> None:
    calls: list[str] = []

    def lead(handler: BaseHTTPRequestHandler) -> None:
        calls.append(handler.path)
        answer(handler, status=302, Location="/again")

    with pytest.raises(FetchError, match="too often"):
        get(running.start(lead))
    assert len(calls) == 6


@pytest.mark.usefixtures("loopback")
def test_d07_a_huge_body_is_given_up(running: Servers) -> None:
    def flood(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        with suppress(OSError):
            while True:
                handler.wfile.write(b"x" * 65_536)

    with pytest.raises(FetchError, match="larger than the limit"):
        get(running.start(flood))


@pytest.mark.usefixtures("loopback")
def test_d07_a_body_that_unpacks_to_too_much_is_given_up(running: Servers) -> None:
    packed = gzip.compress(b"\0" * 20_000_000)
    with pytest.raises(FetchError, match="larger than the limit"):
        get(running.start(lambda handler: answer(handler, packed, Content_Encoding="gzip")))


@pytest.mark.usefixtures("loopback")
@pytest.mark.parametrize("in_header", [True, False])
def test_d07_a_body_that_trickles_is_given_up(running: Servers, *, in_header: bool) -> None:
    ended = threading.Event()

    def trickle(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000")
        if not in_header:
            handler.end_headers()
        handler.flush_headers()
        while not ended.is_set():
            try:
                handler.wfile.write(b"x")
            except OSError:
                return
            time.sleep(0.05)

    with pytest.raises(FetchError, match="too long"):
        get(running.start(trickle), seconds=0.3)
    ended.set()


@pytest.mark.usefixtures("loopback")
def test_d07_a_proxy_of_the_environment_is_not_used(running: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    trap = Listener()
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, trap.url)
    assert get(running.start(lambda handler: answer(handler, b"ok")))[1] == b"ok"
    assert trap.calls == 0
    trap.close()


@pytest.mark.parametrize("entry", ["10.1.2.3", "10.1.0.0/16", "files.intranet"])
def test_d07_a_private_address_is_reached_when_it_is_listed(
    settings: Any, monkeypatch: pytest.MonkeyPatch, entry: str
) -> None:
    settings.CONNECTOR_ALLOWED_HOSTS = {entry}
    resolve_to(monkeypatch, ["10.1.2.3"])
    connected = note_connections(monkeypatch)
    with pytest.raises(FetchError, match="cannot be reached"):
        get("https://files.intranet/")
    assert connected == [("10.1.2.3", 443)]


@pytest.mark.parametrize("address", NEVER)
def test_d07_metadata_is_not_reached_even_when_it_is_listed(settings: Any, address: str) -> None:
    settings.CONNECTOR_ALLOWED_HOSTS = {address, "metadata", "0.0.0.0/0", "::/0"}
    assert not is_allowed("metadata", address)


@pytest.mark.usefixtures("loopback")
def test_what_the_server_says_is_told(running: Servers) -> None:
    with pytest.raises(FetchError, match="status 404") as told:
        get(running.start(lambda handler: answer(handler, status=404)))
    assert told.value.status == 404
    fetched, body = get(running.start(lambda handler: answer(handler, b"page", ETag='"1"')))
    assert (fetched.status, fetched.headers["etag"], body) == (200, '"1"', b"page")
    fetched, body = get(running.start(lambda handler: answer(handler, status=304)))
    assert (fetched.status, body) == (304, b"")
