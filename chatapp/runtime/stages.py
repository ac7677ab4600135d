"""What is done between the services and the product's processes. Each is one child process, shown while it works."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from chatapp.runtime import progress
from chatapp.runtime.files import CHECKOUT
from chatapp.runtime.logs import LogTail, trim_log
from chatapp.runtime.options import Options
from chatapp.runtime.process import Process, ProcessError, Program
from chatapp.runtime.programs import child_environment, python_command

_LOOK_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class Stage:
    title: str
    program: Program


def list_stages(options: Options, *, home: Path, demo_password: str) -> list[Stage]:
    flags = ("--demo",) if options.demo else ()
    environment = child_environment(home, CHATAPP_DEMO_PASSWORD=demo_password, PYTHONUNBUFFERED="1")
    commands = {
        "models": ("Fetching the models", ("chatapp.inference.artifacts", *options.models)),
        "prepare": ("Preparing database and pages", ("chatapp.runtime.prepare", *flags)),
    }
    return [
        Stage(
            title=title,
            program=Program(
                name=name,
                command=python_command(*arguments),
                log=home / "log" / f"{name}.log",
                folder=CHECKOUT,
                environment=environment,
            ),
        )
        for name, (title, arguments) in commands.items()
    ]


def run_stages(stages: Sequence[Stage], *, tend: Callable[[], None]) -> None:
    """Side by side, since none needs another. Calls `tend` a few times a second, which may raise to end them all.

    Raises ProcessError for the first that failed.
    """
    running = [_Running(stage) for stage in stages]
    try:
        while sum(process.is_busy() for process in running):  # not any(): each shows its new lines
            tend()
            time.sleep(_LOOK_SECONDS)
    finally:
        statuses = [process.kill() for process in running]
    for stage, status in zip(stages, statuses, strict=True):
        if status != 0:
            raise ProcessError(f"{stage.title} failed with status {status}; see {stage.program.log}.")


class _Running:
    """A started stage. It is busy until its process has exited and its last lines were shown."""

    def __init__(self, stage: Stage) -> None:
        progress.say(stage.title)
        trim_log(stage.program.log)
        self._name = stage.program.name
        self._tail = LogTail(stage.program.log)
        self._process = Process(stage.program)
        self._process.start()

    def is_busy(self) -> bool:
        exited = self._process.has_exited()
        for line in self._tail.read_lines():
            progress.echo(self._name, line)
        return not exited

    def kill(self) -> int | None:
        return self._process.kill()
