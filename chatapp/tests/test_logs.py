"""Logging holds nobody up and fails for nobody."""

import errno
import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest

from chatapp import logs
from chatapp.metrics import FAULTS

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import django, structlog
django.setup()
log = structlog.get_logger("test")
with structlog.contextvars.bound_contextvars(request="r1"):
    log.info("first", n=1)
    try:
        1 / 0
    except ZeroDivisionError:
        log.exception("second")
print("still here")
"""


class Slow(StringIO):
    """A pipe that nobody reads."""

    def __init__(self) -> None:
        super().__init__()
        self.released = threading.Event()

    def write(self, text: str) -> int:
        self.released.wait(timeout=60)
        return super().write(text)


class Full(StringIO):
    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    logger = logging.getLogger("test-of-logs")
    logger.propagate = False
    yield logger
    logger.handlers.clear()


def dropped() -> float:
    return float(FAULTS.labels(kind="log_dropped")._value.get())


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_reader_that_has_stopped_holds_nobody_up(logger: logging.Logger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MAX_WAITING_LINES", 10)
    stream, before = Slow(), dropped()
    logger.addHandler(logs.make_handler(stream))
    for number in range(30):
        logger.warning("line %d", number)
    assert dropped() - before >= 19  # One may be in the writer's hands.
    stream.released.set()
    until(lambda: stream.getvalue().count("\n") == 30 - (dropped() - before))
    assert stream.getvalue().startswith("line 0\n")


def test_a_full_disk_is_counted_and_raises_nothing(logger: logging.Logger) -> None:
    before = dropped()
    logger.addHandler(logs.make_handler(Full()))
    logger.warning("lost")
    until(lambda: dropped() - before == 1)


def run(*, shell: str) -> subprocess.CompletedProcess[str]:
    command = f"\"{sys.executable}\" -c '{PROGRAM}' {shell}"
    return subprocess.run(["/bin/sh", "-c", command], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)


def test_the_last_lines_of_a_process_are_written_with_their_context() -> None:
    first, second = [json.loads(line) for line in run(shell="").stderr.splitlines()]
    assert (first["event"], first["n"], first["request"]) == ("first", 1, "r1")
    assert (second["event"], second["level"]) == ("second", "error")
    assert "ZeroDivisionError" in second["exception"]


@pytest.mark.parametrize("shell", ["2>&-", "2>/dev/full"])
def test_a_closed_or_full_log_ends_no_process(shell: str) -> None:
    assert run(shell=shell).stdout == "still here\n"
