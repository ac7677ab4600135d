"""A server on loopback that answers as a test tells it to, and remembers what it was asked."""

import json
import select
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from chatapp.inference.engine import ChatMessage, Stream
from chatapp.inference.models import Endpoint, ModelVersion
from chatapp.inference.providers.opening import open_model
from chatapp.inference.providers.remote import RemoteModel

HELLO: list[ChatMessage] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?"}]
KEY = "sk-planted-secret-0123456789"


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any


class Exchange:
    """One request, and the means to answer it byte by byte."""

    def __init__(self, handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        self._handler = handler
        self.asked = asked

    def send(self, status: int, body: bytes | dict[str, Any] | list[Any] = b"", **headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self._handler.send_response(status)
        kind = "application/json" if not isinstance(body, bytes) else "text/plain"
        for name, value in {"content-type": kind, "content-length": str(len(data)), **headers}.items():
            self._handler.send_header(name.replace("_", "-"), value)
        self._handler.end_headers()
        self._handler.wfile.write(data)

    def open_stream(self, content_type: str = "text/event-stream") -> None:
        self._handler.send_response(200)
        self._handler.send_header("content-type", content_type)
        self._handler.send_header("transfer-encoding", "chunked")
        self._handler.end_headers()

    def write(self, data: bytes) -> None:
        self._handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self._handler.wfile.flush()

    def end_stream(self) -> None:
        self._handler.wfile.write(b"0\r\n\r\n")

    def break_off(self) -> None:
        self._handler.close_connection = True

    def wait_until_client_leaves(self, seconds: float = 20) -> bool:
        readable, _, _ = select.select([self._handler.connection], [], [], seconds)
        self.break_off()
        return bool(readable) and self._handler.connection.recv(1) == b""


Respond = Callable[[Exchange], None]


class FakeProvider:
    def __init__(self, respond: Respond, certificate: Path | None = None) -> None:
        self.asked: list[Asked] = []
        self.respond = respond
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                parts = urlsplit(self.path)
                raw = self.rfile.read(int(self.headers.get("content-length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = json.loads(raw) if headers.get("content-type") == "application/json" else raw.decode()
                asked = Asked(self.command, parts.path, dict(parse_qsl(parts.query)), headers, body)
                provider.asked.append(asked)
                try:
                    provider.respond(Exchange(self, asked))
                except OSError:
                    self.close_connection = True

            do_GET = do_POST = _answer  # noqa: N815 - named by http.server

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            # Each connection shakes hands in the thread that serves it.
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
            self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a refused certificate
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=[0.02], daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def provider(respond: Respond, *, certificate: Path | None = None) -> Iterator[FakeProvider]:
    server = FakeProvider(respond, certificate)
    try:
        yield server
    finally:
        server.close()


def chunk(text: str | None = None, *, finish: str | None = None, **more: Any) -> dict[str, Any]:
    delta = {} if text is None else {"role": "assistant", "content": text}
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice], **more}


def usage(prompt: int, completion: int, cached: int = 0) -> dict[str, Any]:
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return {**chunk(), "choices": [], "usage": {**counts, "prompt_tokens_details": {"cached_tokens": cached}}}


def event(data: Any) -> bytes:
    return b"data: " + json.dumps(data).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


def streaming(*events: dict[str, Any] | bytes, done: bool = True) -> Respond:
    """Answers every request with these events."""

    def respond(exchange: Exchange) -> None:
        exchange.open_stream()
        for one in events:
            exchange.write(one if isinstance(one, bytes) else event(one))
        if done:
            exchange.write(DONE)
        exchange.end_stream()

    return respond


def hello(*words: str, finish: str = "stop") -> Respond:
    return streaming(*map(chunk, words), chunk(finish=finish), usage(11, len(words)))


def remote(
    *urls: str,
    preset: str = "vllm",
    model: str = "m",
    key: str = KEY,
    provider: str = "openai_compatible",
    **options: Any,
) -> RemoteModel:
    """A model behind these addresses; what a version's record holds, without the database."""
    version = ModelVersion(
        name="far", provider=provider, preset=preset, external_model=model, request_options=options, context_tokens=4096
    )
    return open_model(version, [Endpoint(version=version, url=url, key=key) for url in urls])


def ask(model: RemoteModel, messages: Sequence[ChatMessage] = HELLO, *, max_tokens: int = 50, **more: Any) -> Stream:
    return model.chat(messages, max_tokens=max_tokens, **more)


def settle(model: RemoteModel) -> None:
    """Until the threads of ended answers are done with their connections."""
    deadline = time.monotonic() + 20
    while model.stats().slots_busy or model.stats().waiting:
        assert time.monotonic() < deadline
        time.sleep(0.005)
