import sys
import time
from pathlib import Path

import pytest

from chatapp.runtime import watch
from chatapp.runtime.process import Process, Program
from chatapp.runtime.watch import WatchedProcess
from tests.runtime.helpers import wait_until


def make_watched(folder: Path, code: str) -> WatchedProcess:
    program = Program(name="example", command=(sys.executable, "-c", code), log=folder / "example.log", folder=folder)
    return WatchedProcess(Process(program))


def test_a_dead_process_starts_again_with_a_new_id(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    watched = make_watched(tmp_path, "import time; time.sleep(600)")
    watched.process.start()
    first = watched.process.pid
    assert not watched.tend()
    watched.process.terminate()
    wait_until(watched.tend)
    assert watched.process.pid not in {None, first}
    assert not watched.process.has_exited()
    watched.process.kill()
    said = capsys.readouterr().out
    assert "example ended with status -15; it starts again in 0.5 s" in said
    assert "example runs again as process" in said


def test_pauses_grow_while_it_keeps_dying(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "_FIRST_PAUSE", 0.01)
    watched = make_watched(tmp_path, "raise SystemExit(9)")
    watched.process.start()
    wait_until(lambda: watched.tend() or watched.deaths_in_a_row >= 4)
    while watched.deaths_in_a_row < 4:
        watched.tend()
        time.sleep(0.01)
    pauses = [float(line.split()[-2]) for line in capsys.readouterr().out.splitlines() if "starts again" in line]
    assert pauses == [0.01, 0.02, 0.04, 0.08]


def test_only_warnings_and_errors_are_repeated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = 'print(\'{"level": "info", "event": "fine"}\'); print(\'{"level": "error", "event": "broken"}\')'
    watched = make_watched(tmp_path, code)
    watched.process.start()
    wait_until(lambda: "broken" in (tmp_path / "example.log").read_text())
    watched.tend()
    watched.process.kill()
    said = capsys.readouterr().out
    assert "example | error: broken" in said
    assert "fine" not in said
