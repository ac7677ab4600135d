"""SIGTERM to a web process: how its sockets and streams end."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from django.test import Client
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Origin

from chatapp import web
from chatapp.accounts.models import User
from chatapp.accounts.services import create_api_key
from chatapp.api.tests.serving import inference_worker
from chatapp.conversations.models import Generation, Status
from chatapp.conversations.streams.hub import get_hub
from chatapp.conversations.tests.conftest import scripted  # noqa: F401 - a fixture
from chatapp.conversations.tests.waiting import until
from chatapp.inference.models import ModelVersion

pytestmark = pytest.mark.django_db(transaction=True)


class Web:
    """The server of the web process in a thread; `shut_down` is what its signal handler does."""

    def __init__(self) -> None:
        self.server = web.WebServer(web.configure(host="127.0.0.1", port=0))
        self.thread = threading.Thread(target=lambda: asyncio.run(self.serve()), daemon=True)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)
        self.port = self.server.servers[0].sockets[0].getsockname()[1]

    async def serve(self) -> None:
        await self.server.serve()
        await get_hub().close()

    def shut_down(self) -> None:
        self.server.should_exit = True


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    monkeypatch.setattr(web, "CALL_SECONDS", 0.3)
    running = Web()
    yield running
    running.shut_down()
    running.thread.join(timeout=30)
    assert not running.thread.is_alive()


def test_sockets_close_with_1012_and_nobody_gets_in_any_more(running: Web, alice: User) -> None:
    client = Client()
    client.force_login(alice)
    headers = {"Cookie": f"sessionid={client.cookies['sessionid'].value}"}
    address = f"127.0.0.1:{running.port}"
    with connect(f"ws://{address}/ws/", origin=Origin(f"http://{address}"), additional_headers=headers) as socket:
        running.shut_down()
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=30)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012
    running.thread.join(timeout=30)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://{address}/livez")


def chat(running: Web, user: User, *, stream: bool) -> dict[str, Any]:
    """What a client sends to have a long answer."""
    _, key = create_api_key(user=user, read_only=False)
    question = {"role": "user", "content": "rate=50 tokens=5000"}
    return {
        "url": f"http://127.0.0.1:{running.port}/v1/chat/completions",
        "json": {"model": "scripted", "stream": stream, "messages": [question]},
        "headers": {"Authorization": f"Bearer {key}"},
        "timeout": 60,
    }


def test_a_call_that_waits_for_a_whole_answer_is_told_where_to_read_it(
    running: Web,
    alice: User,
    scripted: ModelVersion,  # noqa: F811
) -> None:
    with inference_worker(), ThreadPoolExecutor(1) as pool:
        call = pool.submit(httpx.post, **chat(running, alice, stream=False))
        until(lambda: Generation.objects.filter(status=Status.ANSWERING).exists())
        running.shut_down()
        response = call.result(timeout=60)
        generation = Generation.objects.get()
        assert generation.stop_requested is False
        Generation.objects.update(stop_requested=True)
    assert (response.status_code, response.json()["code"]) == (503, "restarting")
    assert str(generation.id) in response.json()["title"]


def test_a_stream_ends_with_a_problem_and_its_answer_goes_on(
    running: Web,
    alice: User,
    scripted: ModelVersion,  # noqa: F811
) -> None:
    events = []
    with inference_worker(), httpx.stream("POST", **chat(running, alice, stream=True)) as response:
        for line in response.iter_lines():
            events.append(line)
            if "t000003" in line:
                running.shut_down()
        running.thread.join(timeout=30)
        generation = Generation.objects.get()
        assert (generation.status, generation.stop_requested) == (Status.ANSWERING, False)
        Generation.objects.update(stop_requested=True)
    last = json.loads([event for event in events if event][-1].removeprefix("data: "))
    assert (last["code"], last["error"]["code"]) == ("restarting", "restarting")
    assert str(generation.id) in last["title"]
