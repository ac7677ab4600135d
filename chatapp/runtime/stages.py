"""The steps between the services and the product's processes. Each is one child process, shown while it works."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from chatapp.runtime import progress
from chatapp.runtime.files import CHECKOUT
from chatapp.runtime.logs import LogTail, trim_log
from chatapp.runtime.options import Options
from chatapp.runtime.process import Process, ProcessError, Program
from chatapp.runtime.programs import child_environment, python_command


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


def run_stage(stage: Stage, *, tend: Callable[[], None]) -> None:
    """Calls `tend` a few times a second, which may raise to end the stage. ProcessError if it failed."""
    progress.say(stage.title)
    trim_log(stage.program.log)
    tail = LogTail(stage.program.log)
    process = Process(stage.program)
    process.start()
    try:
        while True:
            exited = process.has_exited()
            for line in tail.read_lines():
                progress.echo(stage.program.name, line)
            if exited:
                break
            tend()
            time.sleep(0.1)
    finally:
        status = process.kill()
    if status != 0:
        raise ProcessError(f"{stage.title} failed with status {status}; see {stage.program.log}.")
