"""Asks a running web process whether the product is ready."""

import http.client
import json
from dataclasses import dataclass

_MAX_BYTES = 65536


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
        body = response.read(_MAX_BYTES)
    except (OSError, http.client.HTTPException):
        return Readiness(ready=False, detail="the web process does not answer yet")
    finally:
        connection.close()
    return Readiness(ready=response.status == http.HTTPStatus.OK, detail=_describe(response.status, body))


def _describe(status: int, body: bytes) -> str:
    """The parts that are not ready, each in its own words."""
    try:
        parts = json.loads(body)["parts"]
        return "; ".join(f"{name}: {state}" for name, state in parts.items() if state != "ok")
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"/readyz answers with status {status}"
