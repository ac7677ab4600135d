from pathlib import Path

import pytest
import redis

from chatapp.runtime.valkey import Valkey
from tests.runtime.helpers import Nursery, find_processes_in, wait_until

PASSWORD = "a-password-of-the-test"


def make_valkey(home: Path, *, memory: str = "64mb") -> Valkey:
    return Valkey(home, log=home / "log" / "valkey.log", password=PASSWORD, memory=memory)


def connect(url: str) -> redis.Redis:
    return redis.Redis.from_url(url)


def test_needs_its_password_and_shows_it_to_nobody(home: Path, nursery: Nursery) -> None:
    valkey = make_valkey(home)
    process = nursery.start(valkey.program())
    assert connect(valkey.url).ping()
    with pytest.raises(redis.AuthenticationError):
        connect(valkey.url.replace(PASSWORD, "guessed")).ping()
    assert PASSWORD.encode() not in (Path("/proc") / str(process.pid) / "cmdline").read_bytes()
    assert (home / "valkey" / "valkey.conf").stat().st_mode & 0o777 == 0o600
    assert (home / "valkey").stat().st_mode & 0o777 == 0o700


def test_listens_on_loopback_only(home: Path, nursery: Nursery) -> None:
    valkey = make_valkey(home)
    nursery.start(valkey.program())
    assert connect(valkey.url).config_get("bind") == {"bind": "127.0.0.1"}


def test_keeps_streams_over_a_restart(home: Path, nursery: Nursery) -> None:
    first = make_valkey(home)
    process = nursery.start(first.program())
    connect(first.url).xadd("stream", {"text": "kept"}, id="1-1")
    process.terminate()
    wait_until(process.has_exited)
    process.kill()
    second = make_valkey(home)
    nursery.start(second.program())
    assert connect(second.url).xrange("stream") == [(b"1-1", {b"text": b"kept"})]


def test_a_full_server_refuses_and_evicts_nothing(home: Path, nursery: Nursery) -> None:
    valkey = make_valkey(home, memory="8mb")
    nursery.start(valkey.program())
    connection = connect(valkey.url)
    connection.set("first", b"kept")
    with pytest.raises(redis.ResponseError, match="maxmemory"):
        connection.mset({f"large-{number}": b"x" * 1024 * 1024 for number in range(16)})
    assert connection.get("first") == b"kept"


def test_a_server_left_by_a_killed_launcher_is_replaced(home: Path, nursery: Nursery) -> None:
    leftover = nursery.start(make_valkey(home).program())
    valkey = make_valkey(home)
    nursery.start(valkey.program())
    assert leftover.has_exited()
    assert connect(valkey.url).ping()


def test_stop_leaves_no_process(home: Path, nursery: Nursery) -> None:
    process = nursery.start(make_valkey(home).program())
    assert find_processes_in(home) == [process.pid]
    process.terminate()
    wait_until(process.has_exited)
    process.kill()
    assert find_processes_in(home) == []
