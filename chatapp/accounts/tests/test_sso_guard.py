"""B17: what the product fetches for single sign-on never leads to where no identity provider may be."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from chatapp.accounts.sso import session as session_module
from chatapp.accounts.sso.guard import check_provider_url
from chatapp.accounts.sso.session import GuardedSession
from chatapp.errors import ChatappError

FORBIDDEN = [
    *("http://idp.example", "ftp://idp.example", "//idp.example", "javascript:alert(1)", "", "https://", "https:///x"),
    *("https://user:pw@idp.example", "https://user@idp.example", "https://idp.example/#part", "https://idp.example:x"),
    *("https://169.254.169.254/latest", "https://100.100.100.200", "https://[fd00:ec2::254]", "https://[fe80::1]"),
    *("https://10.0.0.1", "https://192.168.1.1", "https://172.16.0.1", "https://[::ffff:10.0.0.1]", "https://0.0.0.0"),
    *("https://2130706433", "https://0x7f.1", "https://127.1", "https://[64:ff9b::a00:1]", "https://224.0.0.1"),
    *("https://idp.example\\@evil", "https://idp .example", "https://idp.example/\n", "https://" + "a" * 600),
]
Respond = Callable[[BaseHTTPRequestHandler], None]


@pytest.fixture
def serve() -> Iterator[Callable[[Respond], str]]:
    """Start a server on loopback that answers as told; gives its address."""
    servers: list[ThreadingHTTPServer] = []

    def start(respond: Respond) -> str:
        handler = type("Handler", (BaseHTTPRequestHandler,), {"do_GET": respond, "log_message": lambda *_: None})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def greet(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "2")
    handler.end_headers()
    handler.wfile.write(b"{}")


def resolve_to(monkeypatch: pytest.MonkeyPatch, *answers: str) -> list[str]:
    """Let names mean these addresses, one for each look-up; gives the names that were looked up."""
    asked: list[str] = []

    def look_up(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        answer = answers[min(len(asked), len(answers)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (answer, port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return asked


@pytest.mark.parametrize("url", FORBIDDEN)
@pytest.mark.parametrize("https", [True, False])
def test_b17_an_address_is_refused_when_it_is_saved(settings: Any, url: str, *, https: bool) -> None:
    settings.HTTPS = https
    with pytest.raises(ChatappError, match="no address of an identity provider"):
        check_provider_url(url)


@pytest.mark.parametrize("url", FORBIDDEN)
def test_b17_an_address_is_refused_when_it_is_fetched(settings: Any, url: str) -> None:
    with GuardedSession() as session, pytest.raises(requests.RequestException):
        session.get(url)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9", "https://127.0.0.1:9", "http://localhost:9", "https://localhost"]
)
def test_b17_this_machine_is_refused_behind_https(settings: Any, url: str) -> None:
    settings.HTTPS = True
    with GuardedSession() as session, pytest.raises(requests.RequestException):
        session.get(url)
    settings.SSO_PRIVATE_HOSTS = set()
    settings.HTTPS = False
    assert check_provider_url(url) == url


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "10.1.2.3", "127.0.0.1", "192.168.0.9", "0.0.0.0", "100.64.0.1"]
)
def test_b17_a_name_that_leads_inside_is_not_connected_to(
    settings: Any, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    settings.HTTPS = False
    resolve_to(monkeypatch, address)
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("it connected"))
    with GuardedSession() as session, pytest.raises(requests.RequestException):
        session.get("https://idp.example/.well-known/openid-configuration")


def test_b17_a_name_is_looked_up_once_for_the_judgement_and_the_connection(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = resolve_to(monkeypatch, "93.184.215.14", "127.0.0.1")
    connected: list[Any] = []

    def connect(_: socket.socket, place: Any) -> None:
        connected.append(place)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket.socket, "connect", connect)
    with GuardedSession() as session, pytest.raises(requests.ConnectionError):
        session.get("https://idp.example/")
    assert (asked, connected) == (["idp.example"], [("93.184.215.14", 443)])


def test_b17_a_private_host_is_reached_when_it_is_listed(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SSO_PRIVATE_HOSTS = {"idp.intranet.example"}
    resolve_to(monkeypatch, "10.1.2.3")
    connected: list[Any] = []

    def connect(_: socket.socket, place: Any) -> None:
        connected.append(place)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket.socket, "connect", connect)
    with GuardedSession() as session, pytest.raises(requests.ConnectionError):
        session.get("https://IdP.intranet.example/")
    assert connected == [("10.1.2.3", 443)]


def test_b17_redirects_are_not_followed(settings: Any, serve: Callable[[Respond], str]) -> None:
    settings.HTTPS = False
    reached: list[str] = []

    def note(handler: BaseHTTPRequestHandler) -> None:
        reached.append(handler.path)
        greet(handler)

    target = serve(note)

    def lead(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", target)
        handler.end_headers()

    with GuardedSession() as session, pytest.raises(requests.RequestException, match="leads elsewhere"):
        session.get(serve(lead))
    assert not reached


def test_b17_an_answer_without_end_is_given_up(settings: Any, serve: Callable[[Respond], str]) -> None:
    settings.HTTPS = False

    def flood(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        with suppress(OSError):
            while True:
                handler.wfile.write(b"x" * 65_536)

    with GuardedSession() as session, pytest.raises(requests.RequestException, match="too long"):
        session.get(serve(flood))


@pytest.mark.parametrize("in_header", [True, False])
def test_b17_an_answer_that_trickles_is_given_up(
    settings: Any, monkeypatch: pytest.MonkeyPatch, serve: Callable[[Respond], str], *, in_header: bool
) -> None:
    settings.HTTPS = False
    monkeypatch.setattr(session_module, "_TOTAL_SECONDS", 0.3)
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

    with GuardedSession() as session, pytest.raises(requests.RequestException):
        session.get(serve(trickle))
    ended.set()


def test_what_is_allowed_is_fetched(settings: Any, serve: Callable[[Respond], str]) -> None:
    settings.HTTPS = False
    with GuardedSession() as session:
        assert session.get(serve(greet)).json() == {}
        assert session.get(serve(greet).replace("127.0.0.1", "localhost")).json() == {}
