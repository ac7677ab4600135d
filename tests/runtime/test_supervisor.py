"""The supervisor with small stand-ins for web and workers: what it starts, restarts and ends."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatapp.runtime.ports import find_free_port
from tests.runtime.helpers import lives, wait_until

SCRIPT = """
import sys
from pathlib import Path
from chatapp.runtime.embedded import Services
from chatapp.runtime.instance import Instance
from chatapp.runtime.options import read_options
from chatapp.runtime.process import Program
from chatapp.runtime.stages import Stage
from chatapp.runtime.stop import StopFlag, StopRequested
from chatapp.runtime.supervisor import Supervisor

home, port, sleeper, stage_code = Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]

def make(name, *arguments):
    return Program(name=name, command=(sys.executable, *arguments), log=home / f"{name}.log", folder=home)

instance = Instance(pid=__import__("os").getpid(), port=int(port), database_url="", redis_url="", secret_key="",
                    field_encryption_keys=(), demo=False, processes={})
supervisor = Supervisor(read_options(), instance=instance, stop=StopFlag(),
                        services=Services(database_url="", redis_url="", processes=()))
try:
    supervisor.run(
        stages=[Stage(title="Preparing", program=make("stage", "-c", stage_code))],
        programs=[make("web", "-m", "http.server", port, "--bind", "127.0.0.1"), make("worker", "-c", sleeper)],
        greeting="Ready: here",
    )
except StopRequested:
    pass
"""
SLEEPER = "import time; time.sleep(600)"
CAREFUL = """
import signal, sys, time
def leave(*_):
    time.sleep(0.3)
    open("left", "w").close()
    sys.exit()
signal.signal(signal.SIGTERM, leave)
time.sleep(600)
"""


class Run:
    def __init__(self, home: Path, *, worker: str = SLEEPER, stage: str = "print('stage works')") -> None:
        self.home = home
        (home / "readyz").write_text("ok")  # what the stand-in for the web process serves
        port = find_free_port()
        self.output = home / "output"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", SCRIPT, str(home), str(port), worker, stage],
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "CHATAPP_HOME": str(home), "PORT": str(port)},
            )

    @property
    def pids(self) -> dict[str, int]:
        found: dict[str, int] = json.loads((self.home / "instance.json").read_text())["processes"]
        return found

    def says(self, text: str) -> bool:
        return text in self.output.read_text()

    def wait_says(self, text: str) -> None:
        wait_until(lambda: self.says(text) or self.process.poll() is not None)
        assert self.says(text), self.output.read_text()


@pytest.fixture
def runs() -> Iterator[list[Run]]:
    started: list[Run] = []
    yield started
    for run in started:
        run.process.kill()
        run.process.wait()


def test_runs_stages_then_programs_then_greets(home: Path, runs: list[Run]) -> None:
    runs.append(run := Run(home))
    run.wait_says("Ready: here")
    text = run.output.read_text()
    assert text.index("Preparing") < text.index("stage | stage works") < text.index("Starting web, worker")
    assert set(run.pids) == {"web", "worker"}


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_every_program_and_lets_it_drain(home: Path, runs: list[Run], signum: signal.Signals) -> None:
    runs.append(run := Run(home, worker=CAREFUL))
    run.wait_says("Ready: here")
    pids = run.pids.values()
    run.process.send_signal(signum)
    assert run.process.wait(20) == 0
    assert (home / "left").exists()
    assert not any(lives(pid) for pid in pids)
    assert not (home / "instance.json").exists()


def test_a_killed_supervisor_leaves_nothing_behind(home: Path, runs: list[Run]) -> None:
    runs.append(run := Run(home))
    run.wait_says("Ready: here")
    pids = list(run.pids.values())
    run.process.kill()
    wait_until(lambda: not any(lives(pid) for pid in pids))


def test_a_killed_program_comes_back_and_is_written_down(home: Path, runs: list[Run]) -> None:
    runs.append(run := Run(home))
    run.wait_says("Ready: here")
    before = run.pids
    os.kill(before["worker"], signal.SIGKILL)
    wait_until(lambda: run.pids["worker"] != before["worker"])
    assert lives(run.pids["worker"])
    assert run.pids["web"] == before["web"]


def test_a_signal_ends_a_stage(home: Path, runs: list[Run]) -> None:
    runs.append(run := Run(home, stage=f"print('at it', flush=True); {SLEEPER}"))
    run.wait_says("at it")
    run.process.terminate()
    assert run.process.wait(20) == 0
    assert not run.says("Starting web")


def test_a_failed_stage_names_its_log(home: Path, runs: list[Run]) -> None:
    runs.append(run := Run(home, stage="raise SystemExit('no disk space')"))
    run.wait_says("no disk space")
    run.wait_says("Preparing failed with status 1")
    assert run.process.wait(20) == 1


def test_a_program_that_does_not_stay_up_ends_the_start(home: Path, runs: list[Run]) -> None:
    runs.append(run := Run(home, worker="raise SystemExit(4)"))
    (home / "readyz").unlink()
    wait_until(lambda: run.says("worker does not stay up"), seconds=30)
    assert run.process.wait(20) == 1
