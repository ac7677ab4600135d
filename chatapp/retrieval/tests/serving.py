"""Real servers on loopback that answer as a test tells them."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Respond = Callable[[BaseHTTPRequestHandler], None]


class Servers:
    def __init__(self) -> None:
        self._open = ExitStack()

    def start(self, respond: Respond) -> str:
        """Gives the server's address, without a slash at its end."""

        def handle(handler: BaseHTTPRequestHandler) -> None:
            respond(handler)

        methods = {"do_GET": handle, "do_POST": handle, "log_message": lambda *_: None}
        handler = type("Handler", (BaseHTTPRequestHandler,), methods)
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self._open.callback(server.server_close)
        self._open.callback(server.shutdown)
        return f"http://127.0.0.1:{server.server_port}"

    def close(self) -> None:
        self._open.close()


@contextmanager
def servers() -> Iterator[Servers]:
    running = Servers()
    try:
        yield running
    finally:
        running.close()


def answer(
    handler: BaseHTTPRequestHandler,
    body: bytes = b"",
    *,
    status: int = 200,
    media_type: str = "text/html",
    **headers: str,
) -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", media_type)
    handler.send_header("Content-Length", str(len(body)))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)
