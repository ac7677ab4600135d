"""What a user of the API sees while processes die, and what the product says of the answer afterwards."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import psycopg

from tests.stack import Stack

TERMINAL = {"complete", "stopped", "interrupted", "failed", "blocked"}


class FaultClient:
    def __init__(self, stack: Stack, user: str = "alice") -> None:
        key = stack.manage("create_api_key", user).split()[-1]
        self.http = httpx.Client(
            base_url=stack.base_url, headers={"Authorization": f"Bearer {key}"}, timeout=httpx.Timeout(90, connect=5)
        )
        self.readers: list[Reader] = []

    def read(self, prompt: str) -> "Reader":
        """Starts to read an answer beside the test."""
        self.readers.append(Reader(self, prompt))
        return self.readers[-1]

    def close(self) -> None:
        for reader in self.readers:
            reader.join(timeout=30)
        self.http.close()

    def pieces(self, prompt: str) -> Iterator[str]:
        body = {"model": "scripted", "stream": True, "messages": [{"role": "user", "content": prompt}]}
        with self.http.stream("POST", "/v1/chat/completions", json=body) as response:
            assert response.status_code == 200, response.read()
            for line in response.iter_lines():
                if line.startswith("data: {"):
                    for choice in json.loads(line.removeprefix("data: ")).get("choices", []):
                        yield choice["delta"].get("content") or ""

    def newest(self) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get("/api/v1/generations?limit=1").json()["items"][0]
        return found

    def generation(self, generation_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get(f"/api/v1/generations/{generation_id}").json()
        return found

    def wait_terminal(self, generation_id: str, seconds: float) -> dict[str, Any]:
        ended: dict[str, Any] = wait(seconds, lambda: (g := self.generation(generation_id))["status"] in TERMINAL and g)
        return ended


class Reader(threading.Thread):
    """Reads a stream beside the test; `text` is what the user has seen."""

    def __init__(self, client: FaultClient, prompt: str) -> None:
        super().__init__(daemon=True)
        self.client, self.prompt, self.text = client, prompt, ""
        self.start()

    def run(self) -> None:
        try:
            for piece in self.client.pieces(self.prompt):
                self.text += piece
        except httpx.HTTPError:
            pass  # The web process is one of those that are killed.

    def wait_text(self, characters: int = 40) -> "Reader":
        wait(30, lambda: len(self.text) >= characters)
        return self


def wait(seconds: float, probe: Callable[[], Any]) -> Any:
    """The first truthy answer; a web process or a database that is away counts as none."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if found := probe():
                return found
        except (httpx.TransportError, psycopg.OperationalError):
            pass
        time.sleep(0.1)
    raise AssertionError(f"nothing came within {seconds} s")
