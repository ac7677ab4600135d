import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from chatapp.runtime.process import Process, ProcessError, Program, stop_all
from tests.runtime.helpers import Nursery, lives, wait_until

SLEEPER = "import time; time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
PARENT = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {SLEEPER!r}])
print(child.pid, flush=True)
child.wait()
"""


def make_program(folder: Path, code: str, *, ready: Callable[[], bool] | None = None) -> Program:
    return Program(
        name="example",
        command=(sys.executable, "-c", code),
        log=folder / "example.log",
        folder=folder,
        ready=ready,
    )


def test_output_goes_to_the_log(tmp_path: Path, nursery: Nursery) -> None:
    process = nursery.start(make_program(tmp_path, "import sys; print('out'); print('err', file=sys.stderr)"))
    wait_until(process.has_exited)
    assert process.kill() == 0
    assert sorted((tmp_path / "example.log").read_text().split()) == ["err", "out"]


def test_grandchildren_end_with_their_parent(tmp_path: Path, nursery: Nursery) -> None:
    process = nursery.start(make_program(tmp_path, PARENT))
    log = tmp_path / "example.log"
    wait_until(lambda: log.read_text().endswith("\n"))
    grandchild = int(log.read_text())
    assert lives(grandchild)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    wait_until(process.has_exited)
    assert process.kill() == -signal.SIGKILL
    wait_until(lambda: not lives(grandchild))


def test_who_ignores_the_request_is_killed(tmp_path: Path, nursery: Nursery) -> None:
    process = nursery.start(make_program(tmp_path, STUBBORN))
    wait_until(lambda: (tmp_path / "example.log").read_text() == "up\n")
    assert stop_all([process], seconds=0.3) == ["example"]
    assert process.kill() == -signal.SIGKILL


def test_a_killed_parent_takes_its_child_along(tmp_path: Path) -> None:
    launcher = f"""
import sys, time
from pathlib import Path
from chatapp.runtime.process import Process, Program
folder = Path({str(tmp_path)!r})
process = Process(Program(name="child", command=(sys.executable, "-c", {SLEEPER!r}), log=folder / "log", folder=folder))
process.start()
print(process.pid, flush=True)
time.sleep(600)
"""
    parent = subprocess.Popen([sys.executable, "-c", launcher], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert lives(child)
    parent.kill()
    parent.communicate()
    wait_until(lambda: not lives(child))


def test_ending_before_it_is_ready_is_explained(tmp_path: Path, nursery: Nursery) -> None:
    program = make_program(tmp_path, "print('no such table'); raise SystemExit(3)", ready=lambda: False)
    with pytest.raises(ProcessError, match="example ended while starting") as caught:
        nursery.start(program)
    assert "no such table" in str(caught.value)


def test_never_being_ready_is_explained(tmp_path: Path, nursery: Nursery) -> None:
    with pytest.raises(ProcessError, match="is not ready after"):
        nursery.start(make_program(tmp_path, SLEEPER, ready=lambda: False), seconds=0.2)


def test_what_never_started_can_be_stopped(tmp_path: Path) -> None:
    process = Process(make_program(tmp_path, SLEEPER))
    assert stop_all([process], seconds=0.1) == []
    assert process.kill() is None
