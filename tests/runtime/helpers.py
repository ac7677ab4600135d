import time
from collections.abc import Callable
from pathlib import Path

from chatapp.runtime.process import Process, Program, stop_all


class Nursery:
    """Starts processes and ends whatever a test leaves."""

    def __init__(self) -> None:
        self._processes: list[Process] = []

    def start(self, program: Program, *, seconds: float = 20) -> Process:
        process = Process(program)
        self._processes.append(process)
        process.start()
        process.wait_ready(seconds)
        return process

    def close(self) -> None:
        stop_all(self._processes, seconds=10)


def lives(pid: int) -> bool:
    """A zombie does not count: it only waits for its parent."""
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def find_processes_in(folder: Path) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                working_folder = (entry / "cwd").readlink()
            except OSError:
                continue
            if working_folder.is_relative_to(folder):
                found.append(int(entry.name))
    return found


def wait_until(condition: Callable[[], bool], *, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
