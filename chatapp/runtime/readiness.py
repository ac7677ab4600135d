"""Asks a running web process whether the product is ready."""

import http.client
from dataclasses import dataclass

_EXCERPT = 300


@dataclass(frozen=True)
class Readiness:
    ready: bool
    detail: str


def ask_readiness(host: str, port: int) -> Readiness:
    """The answer of `/readyz`; while nothing listens yet, not ready."""
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", "/readyz", headers={"Host": f"127.0.0.1:{port}"})
        response = connection.getresponse()
        body = response.read(4096).decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return Readiness(ready=False, detail="the web process does not answer yet")
    finally:
        connection.close()
    return Readiness(ready=response.status == http.HTTPStatus.OK, detail=" ".join(body.split())[:_EXCERPT])
