"""A provider that only publishes its discovery document and keys, so that a test can sign what it likes."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm


class SigningProvider:
    def __init__(self) -> None:
        self.asked: list[str] = []
        self.issuer = ""
        self.rotate()

    def rotate(self) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.kid = f"key-{id(self.key)}"
        jwk = RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        self.keys: list[dict[str, Any]] = [{**jwk, "kid": self.kid, "use": "sig", "alg": "RS256"}]

    def sign(self, claims: dict[str, Any], *, headers: dict[str, Any] | None = None, key: Any = None) -> str:
        told = {"kid": self.kid, **(headers or {})}
        told = {name: value for name, value in told.items() if value is not None}
        return jwt.encode(claims, key or self.key, algorithm="RS256", headers=told)

    def document(self, path: str) -> dict[str, Any] | None:
        self.asked.append(path)
        if path == "/keys":
            return {"keys": self.keys}
        if not path.partition("?")[0].endswith("/.well-known/openid-configuration"):
            return None
        names = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        return {"issuer": self.issuer, **{name: f"{self.issuer}/{place}" for name, place in names.items()}}


@contextmanager
def serve_documents() -> Iterator[SigningProvider]:
    provider = SigningProvider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            document = provider.document(self.path)
            body = json.dumps(document).encode()
            self.send_response(404 if document is None else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    provider.issuer = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
