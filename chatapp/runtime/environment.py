"""The virtual environment of the checkout: made once, brought up to date when the pinned versions change."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from chatapp.runtime import progress
from chatapp.runtime.files import CHECKOUT
from chatapp.runtime.jobs import InstallError, Job
from chatapp.runtime.toolchain import describe_processor, wants_cuda
from chatapp.runtime.wheelhouse import Wheelhouse

_ENGINE = "llama-cpp-python"
_TORCH = "torch"


class Environment:
    def __init__(self, checkout: Path = CHECKOUT) -> None:
        self.checkout = checkout
        self.folder = checkout / ".venv"
        self.python = self.folder / "bin" / "python"
        self.logs = self.folder / "log"
        self._stamp_file = self.folder / "chatapp-stamp.json"

    def requirements(self, name: str) -> list[str]:
        """The lines of a requirements file and of those that it names with `-r`."""
        lines: list[str] = []
        for raw in (self.checkout / name).read_text().splitlines():
            line = raw.partition("#")[0].strip()
            if line.startswith("-r "):
                lines += self.requirements(line.removeprefix("-r ").strip())
            elif line:
                lines.append(line)
        return lines

    def compute_stamp(self, name: str) -> str:
        """Changes with the pins, with Python, and with what llama.cpp was compiled for."""
        pinned = [*self.requirements(name), (self.checkout / "constraints.txt").read_text()]
        target = [describe_processor(), *(["cuda"] if wants_cuda() else [])]
        return hashlib.sha256("\n".join([sys.version, *target, *pinned]).encode()).hexdigest()

    def is_current(self, name: str) -> bool:
        return self._read_stamps().get(name) == self.compute_stamp(name)

    def mark_current(self, names: list[str]) -> None:
        stamps = self._read_stamps() | {name: self.compute_stamp(name) for name in names}
        self._stamp_file.write_text(json.dumps(stamps, indent=2))

    def pip(self, *arguments: str) -> list[str]:
        quiet = ("--disable-pip-version-check", "--no-input", "--quiet", "--progress-bar", "off")
        return [
            str(self.python),
            "-m",
            "pip",
            "install",
            *quiet,
            "-c",
            str(self.checkout / "constraints.txt"),
            *arguments,
        ]

    def _read_stamps(self) -> dict[str, str]:
        try:
            stamps: dict[str, str] = json.loads(self._stamp_file.read_text())
        except (OSError, ValueError):
            return {}
        return stamps if self.python.exists() else {}


def install(environment: Environment, *, dev: bool) -> None:
    """Nothing to do takes milliseconds. InstallError says in a sentence what is missing on this machine."""
    name = "requirements-dev.txt" if dev else "requirements.txt"
    if environment.is_current(name):
        return
    _create(environment)
    lines = environment.requirements(name)
    engine = next(line for line in lines if line.startswith(_ENGINE))
    torch = next(line for line in lines if line.startswith(_TORCH))
    wheelhouse = Wheelhouse(engine, environment.python, log=environment.logs / "llama.log")
    build = wheelhouse.start_build()  # minutes of compilation, beside the downloads
    beside = [build] if build else []
    try:
        # torch alone first, so that its build for this machine is settled before others ask for any torch.
        _pip(environment, "Installing torch", "torch", [torch], beside)
        others = [line for line in lines if line not in {engine, torch}]
        _pip(environment, f"Installing {len(others)} packages and what they need", "packages", others, beside)
        if build:
            build.wait()
        wheel = wheelhouse.take()
        _pip(environment, "Installing llama.cpp", "engine", ["--force-reinstall", "--no-deps", str(wheel)], [])
        _pip(environment, "Checking what llama.cpp needs", "engine-needs", [str(wheel)], [])
    finally:
        if build:
            build.stop()
    environment.mark_current(["requirements.txt", name])


def _create(environment: Environment) -> None:
    if not environment.python.exists():
        progress.say(f"Making {environment.folder}")
        shutil.rmtree(environment.folder, ignore_errors=True)
        made = subprocess.run(
            [sys.executable, "-m", "venv", str(environment.folder)], capture_output=True, text=True, check=False
        )
        if made.returncode != 0:
            shutil.rmtree(environment.folder, ignore_errors=True)
            raise InstallError(
                f"{sys.executable} cannot make a virtual environment; on Debian and Ubuntu install python3-venv.\n"
                f"{made.stdout}{made.stderr}"
            )
    # The checkout is importable from everywhere, as after an editable install.
    site_packages = next((environment.folder / "lib").glob("python3*/site-packages"))
    (site_packages / "chatapp.pth").write_text(f"{environment.checkout}\n")


def _pip(environment: Environment, title: str, log: str, arguments: list[str], beside: list[Job]) -> None:
    job = Job(title, environment.pip(*arguments), log=environment.logs / f"pip-{log}.log", environment=dict(os.environ))
    try:
        job.wait(*beside)
    finally:
        job.stop()
