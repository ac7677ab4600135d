"""An account is closed while everything of it is in use, on the running product: within five seconds all of it ends."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from tests.stack import DEMO_PASSWORD, Stack

pytestmark = pytest.mark.e2e
SECONDS = 5.0
LONG = {"model": "scripted", "messages": [{"role": "user", "content": "rate=30 tokens=2000"}], "stream": True}
_MAKE = """
from chatapp.accounts.models import User
User.objects.create_user("{name}", password="{password}")
"""


class Leaver:
    """Somebody with a session, a socket, a key and an answer that runs."""

    def __init__(self, stack: Stack) -> None:
        self.name = f"leaver-{uuid4().hex[:8]}"
        stack.manage("shell", "-c", _MAKE.format(name=self.name, password=DEMO_PASSWORD))
        self.stack = stack
        self.key = stack.manage("create_api_key", self.name).split()[-1]
        self.api = httpx.Client(
            base_url=stack.base_url, headers={"Authorization": f"Bearer {self.key}"}, timeout=60, trust_env=False
        )
        self.page = httpx.Client(base_url=stack.base_url, timeout=60, trust_env=False)
        self.sign_in()
        self.streamed: list[tuple[float, str]] = []
        self.frames: list[tuple[float, dict[str, Any]]] = []
        self.closed: tuple[float, int] | None = None

    def sign_in(self) -> httpx.Response:
        self.page.get("/accounts/login/")
        form = {"login": self.name, "password": DEMO_PASSWORD, "csrfmiddlewaretoken": self.page.cookies["csrftoken"]}
        return self.page.post("/accounts/login/", data=form)

    def stream(self) -> None:
        with self.api.stream("POST", "/v1/chat/completions", json=LONG) as response:
            for line in response.iter_lines():
                self.streamed.append((time.monotonic(), line))

    def follow(self, generation: str) -> None:
        cookies = "; ".join(f"{name}={value}" for name, value in self.page.cookies.items())
        url = f"ws://127.0.0.1:{self.stack.port}/ws/"
        with connect(
            url, origin=Origin(self.stack.base_url), additional_headers={"Cookie": cookies}, proxy=None
        ) as socket:
            socket.send(json.dumps({"type": "subscribe", "generation": generation, "seq": 0, "protocol": 2}))
            self._read(socket)

    def _read(self, socket: ClientConnection) -> None:
        try:
            while True:
                self.frames.append((time.monotonic(), json.loads(socket.recv())))
        except ConnectionClosed as error:
            self.closed = (time.monotonic(), error.rcvd.code if error.rcvd else 0)


def until(probe: Callable[[], Any], seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := probe()):
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)
    return found


@pytest.fixture
def leaver(stack: Stack) -> Iterator[Leaver]:
    person = Leaver(stack)
    yield person
    person.api.close()
    person.page.close()


def status_of(stack: Stack, generation: str) -> str:
    instance = json.loads((stack.home / "instance.json").read_text())
    with psycopg.connect(instance["database_url"]) as connection:
        query = "SELECT status FROM conversations_generation WHERE id = %s"
        row = connection.execute(query, [generation]).fetchone()
    return str(row[0]) if row else ""


def test_b06_within_five_seconds_session_socket_key_and_answer_end(stack: Stack, leaver: Leaver) -> None:
    administrator = stack.manage("create_api_key", "ada").split()[-1]
    threads = [threading.Thread(target=leaver.stream)]
    threads[0].start()
    until(lambda: len(leaver.streamed) > 5)
    generation = leaver.api.get("/api/v1/generations").json()["items"][0]["id"]
    threads.append(threading.Thread(target=leaver.follow, args=[generation]))
    threads[1].start()
    until(lambda: len(leaver.frames) > 5)
    assert leaver.page.get("/").status_code == 200

    began = time.monotonic()
    bearer = {"Authorization": f"Bearer {administrator}"}
    with httpx.Client(base_url=stack.base_url, headers=bearer, timeout=60, trust_env=False) as ada:
        person = ada.get("/api/v1/users", params={"words": leaver.name}).json()["items"][0]
        changed = ada.patch(f"/api/v1/users/{person['id']}", json={"active": False, "reason": "left"})
        assert changed.json()["active"] is False
    closed = until(lambda: leaver.closed, SECONDS)
    until(lambda: status_of(stack, generation) == "stopped", SECONDS)
    for thread in threads:
        thread.join(SECONDS)
        assert not thread.is_alive()
    assert time.monotonic() - began < SECONDS
    assert closed[1] == 4401
    assert leaver.api.get("/v1/models").status_code == 401
    redirected = leaver.page.get("/")
    assert (redirected.status_code, redirected.headers["Location"].partition("?")[0]) == (302, "/accounts/login/")
    assert leaver.sign_in().headers.get("Location") != "/"
    assert leaver.page.get("/").status_code == 302
    # Nothing more came by any way once that time had passed.
    ends = [at for at, _ in leaver.frames] + [at for at, _ in leaver.streamed]
    assert max(ends) - began < SECONDS
