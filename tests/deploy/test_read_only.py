"""The processes of the containers, here: with the whole file system read-only but for what they are given."""

import http.client
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chatapp.runtime.files import CHECKOUT
from chatapp.runtime.ports import find_free_port

# A mount namespace of its own, as the user that it already is: the folder stays writable, all else does not.
_CLOSED = 'mount --bind "$0" "$0" && mount -o remount,bind,ro / && exec "$@"'
_SECONDS = 120


def closed(folder: Path, *command: str) -> list[str]:
    shell = shutil.which("sh") or "sh"
    return ["unshare", "--mount", "--map-root-user", shell, "-euc", _CLOSED, str(folder), *command]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Stands for /data and /tmp of a container."""
    probe = f"touch {tmp_path}/inside && ! touch {CHECKOUT}/outside 2> {tmp_path}/inside"
    tried = subprocess.run(closed(tmp_path, "sh", "-c", probe), check=False)
    if tried.returncode != 0:
        pytest.skip("this machine lets nobody make a mount namespace")
    return tmp_path


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        **os.environ,
        "CHATAPP_HOME": str(folder),
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",
        "DJANGO_SETTINGS_MODULE": "chatapp.settings",
    }
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            closed(folder, sys.executable, "-m", *arguments),
            cwd=CHECKOUT,
            env=environment,
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for_output(folder: Path, process: subprocess.Popen[bytes], text: str) -> None:
    deadline = time.monotonic() + _SECONDS
    while text not in (said := (folder / "output").read_text(errors="replace")):
        assert process.poll() is None, said
        assert time.monotonic() < deadline, said
        time.sleep(0.2)


def status_of(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def test_preparing_and_web_write_only_where_they_may(folder: Path) -> None:
    with running(folder, "chatapp.runtime.prepare") as process:
        assert process.wait(_SECONDS) == 0, (folder / "output").read_text()
    assert (folder / "static" / "staticfiles.json").exists()
    port = find_free_port()
    with running(folder, "chatapp.web", "--port", str(port)) as process:
        deadline = time.monotonic() + _SECONDS
        while not status_of(port, "/livez") and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.2)
        said = (folder / "output").read_text()
        assert (status_of(port, "/livez"), status_of(port, "/accounts/login/")) == (200, 200), said


@pytest.mark.parametrize(
    "arguments, ready",
    [
        ("worker -P threads -c 1 -Q lookup,pipeline -l INFO", "ready."),
        ("beat --pidfile= -s {folder}/beat-schedule -l INFO", "Sending due"),
    ],
    ids=["pipeline", "beat"],
)
def test_a_worker_and_the_timer_start(folder: Path, arguments: str, ready: str) -> None:
    command = ["celery", "-A", "chatapp", *arguments.format(folder=folder).split()]
    with running(folder, *command) as process:
        wait_for_output(folder, process, ready)
        assert "Read-only file system" not in (folder / "output").read_text()
