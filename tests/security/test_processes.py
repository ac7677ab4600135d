"""What reaches the running product's processes past its pages: its broker, and the ports that they listen on."""

import base64
import json
import pickle
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from redis import Redis
from redis.exceptions import AuthenticationError

from tests.stack import Stack

pytestmark = pytest.mark.e2e
# What llama-server and vLLM offer beside their answers, often without asking for a key.
ENGINE_PATHS = [
    "/slots",
    "/slots/0?action=erase",
    "/props",
    "/completion",
    "/completions",
    "/infill",
    "/tokenize",
    "/detokenize",
    "/apply-template",
    "/lora-adapters",
    "/models/load",
    "/models/unload",
    "/invocations",
    "/pause",
    "/update_weights",
    "/load_lora_adapter",
    "/v1/load_lora_adapter",
    "/server_info",
    "/reset_prefix_cache",
]


class Bomb:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


def message(body: bytes, *, task: str, content_type: str, queue: str) -> str:
    """As kombu lays it into a list of Redis."""
    identifier = str(uuid4())
    headers = {"lang": "py", "task": task, "id": identifier, "argsrepr": "", "kwargsrepr": "", "retries": 0}
    delivery = {"exchange": "", "routing_key": queue}
    properties = {
        "correlation_id": identifier,
        "delivery_mode": 2,
        "delivery_info": delivery,
        "priority": 0,
        "body_encoding": "base64",
        "delivery_tag": identifier,
    }
    coding = "binary" if content_type == "application/x-python-serialize" else "utf-8"
    whole = {
        "body": base64.b64encode(body).decode(),
        "content-encoding": coding,
        "content-type": content_type,
        "headers": headers,
        "properties": properties,
    }
    return json.dumps(whole)


def redis_url(stack: Stack) -> str:
    url: str = json.loads((stack.home / "instance.json").read_text())["redis_url"]
    return url


def listening(pid: int) -> set[str]:
    """The sockets on which the process takes TCP connections, as `/proc/net/tcp` writes addresses."""
    links = (link.readlink() for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink())
    inodes = {str(target).removeprefix("socket:[").removesuffix("]") for target in links if "socket:[" in str(target)}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                found.add(fields[1])
    return found


@pytest.mark.parametrize("queue", ["inference", "pipeline", "lookup"])
def test_e07_a_pickle_and_an_unknown_task_are_refused_and_the_worker_goes_on(
    stack: Stack, queue: str, tmp_path: Path
) -> None:
    pids, mark = stack.pids, tmp_path / "it-was-run"
    task = "chatapp.conversations.tasks.sweep_generations"
    bomb = pickle.dumps(((Bomb(mark),), {}, {}))
    plain = json.dumps([[], {}, {}]).encode()
    pickle.loads(bomb)
    assert mark.exists(), "so that the test can fail"
    mark.unlink()
    hostile = [
        message(bomb, task=task, content_type="application/x-python-serialize", queue=queue),
        message(bomb, task=task, content_type="application/json", queue=queue),
        message(plain, task="os.system", content_type="application/json", queue=queue),
        message(plain, task="chatapp.nothing.tasks.at_all", content_type="application/json", queue=queue),
        message(b"\xff\xfe{", task=task, content_type="application/json", queue=queue),
    ]
    with Redis.from_url(redis_url(stack)) as redis:
        for one in hostile:
            redis.lpush(queue, one)
        deadline = time.monotonic() + 30
        while redis.llen(queue) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert redis.llen(queue) == 0, "the worker takes nothing any more"
    time.sleep(1)
    assert not mark.exists()
    assert stack.pids == pids
    assert stack.is_ready()


def test_e07_the_broker_asks_for_a_password(stack: Stack) -> None:
    address = redis_url(stack)
    with Redis.from_url(address) as redis:
        assert redis.ping()
    host = address.rpartition("@")[2]
    with Redis.from_url(f"redis://{host}") as stranger, pytest.raises(AuthenticationError):
        stranger.ping()


def test_e05_only_the_web_process_listens_and_only_where_it_was_told(stack: Stack) -> None:
    pids = stack.pids
    assert listening(pids["web"]) == {f"0100007F:{stack.port:04X}"}
    assert [listening(pids[name]) for name in ("inference", "pipeline", "beat")] == [set(), set(), set()]


@pytest.mark.parametrize("path", ENGINE_PATHS)
def test_e05_an_engines_own_addresses_are_not_there(stack: Stack, path: str) -> None:
    for method in ("GET", "POST"):
        response = httpx.request(method, stack.base_url + path, json={"prompt": "x"} if method == "POST" else None)
        assert response.status_code in {401, 403, 404, 405}, path


def test_e05_metrics_are_not_for_whoever_comes_through_the_proxy(stack: Stack) -> None:
    headers = {"X-Forwarded-For": "203.0.113.9"}
    assert httpx.get(f"{stack.base_url}/metrics", headers=headers).status_code == 403
