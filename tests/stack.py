"""The whole product as its users run it, for tests that drive a browser or kill processes."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from chatapp.runtime.files import CHECKOUT
from chatapp.runtime.identity import choose_identity
from chatapp.runtime.ports import find_free_port

DEMO_PASSWORD = "correct-horse-battery-staple"
MODEL = "smollm2-135m-instruct-q4_1"
# What the test plugin set for Django's own tests must not reach the product, which makes its own.
_OWN_SETTINGS = {"DATABASE_URL", "REDIS_URL", "SECRET_KEY", "FIELD_ENCRYPTION_KEYS", "HTTPS", "DJANGO_SETTINGS_MODULE"}
_SERVE = """
from chatapp.inference import selectors, services
services.set_serving_version(user=None, version=selectors.get_version_by_name("{version}"))
"""
_START_SECONDS = 300
_STOP_SECONDS = 60


class Stack:
    """`python -m chatapp.runtime` with a home and a port of its own, the smallest model and the scripted one."""

    def __init__(self, home: Path, *, environment: dict[str, str] | None = None) -> None:
        self.home = home
        self.port = find_free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.output = home / "supervisor.log"
        self._supervisor: subprocess.Popen[bytes] | None = None
        self.environment = {name: value for name, value in os.environ.items() if name not in _OWN_SETTINGS} | {
            "CHATAPP_HOME": str(home),
            "PORT": str(self.port),
            "CHATAPP_DEMO": "1",
            "CHATAPP_DEMO_PASSWORD": DEMO_PASSWORD,
            "CHATAPP_DEMO_MODELS": MODEL,
            "CHATAPP_SCRIPTED_MODEL": "1",
            **(environment or {}),
        }

    def begin_as(self, company: Path) -> None:
        """Take over the database, files and keys of a product that was stopped: to make them takes most of a minute."""
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        _copy(company, self.home, "files", "secrets.json", "static", "static.stamp")
        _copy(choose_identity(company).folder, choose_identity(self.cluster_home).folder, "data", "password")

    @property
    def cluster_home(self) -> Path:
        """Where the folder of PostgreSQL lies."""
        return self.home

    def start(self) -> None:
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.output.open("ab") as output:
            self._supervisor = subprocess.Popen(
                [sys.executable, "-m", "chatapp.runtime", "--stop-with-parent"],
                cwd=CHECKOUT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.wait_ready(_START_SECONDS)

    def stop(self) -> None:
        if self._supervisor is None:
            return
        self._supervisor.terminate()
        try:
            self._supervisor.wait(_STOP_SECONDS)
        finally:
            self._supervisor.kill()
            self._supervisor.wait()
            self._supervisor = None

    @property
    def pids(self) -> dict[str, int]:
        """By name: supervisor, postgres, valkey, web, inference, pipeline, beat. After a restart, the new ids."""
        instance = json.loads((self.home / "instance.json").read_text())
        return {"supervisor": instance["pid"], **instance["processes"]}

    def kill(self, role: str, signum: signal.Signals = signal.SIGKILL) -> int:
        """Send the signal and return the id of the process that got it."""
        pid = self.pids[role]
        os.kill(pid, signum)
        return pid

    def wait_restarted(self, role: str, old_pid: int, seconds: float = 60) -> int:
        return self._wait(seconds, f"{role} was not restarted", lambda: self._new_pid(role, old_pid))

    def wait_ready(self, seconds: float = 60) -> None:
        self._wait(seconds, "the product did not become ready", lambda: int(self.is_ready()))

    def is_ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def manage(self, *arguments: str) -> str:
        """Run `manage.py` against this instance and return what it prints."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=CHECKOUT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    def serve(self, version: str) -> None:
        """Let the default route point at this version."""
        self.manage("shell", "-c", _SERVE.format(version=version))

    def describe(self) -> str:
        """The end of every log, for the report of a failed test."""
        parts = []
        for path in [self.output, *sorted((self.home / "log").glob("*.log"))]:
            tail = path.read_text(errors="replace").splitlines()[-25:]
            parts.append("\n".join([f"----- {path.name}", *tail]))
        return "\n".join(parts)

    def _new_pid(self, role: str, old_pid: int) -> int:
        pid = self.pids.get(role, old_pid)
        return 0 if pid == old_pid else pid

    def _wait(self, seconds: float, complaint: str, probe: Callable[[], int]) -> int:
        deadline = time.monotonic() + seconds
        while not (found := probe()):
            ended = self._supervisor is None or self._supervisor.poll() is not None
            if ended or time.monotonic() > deadline:
                reason = "its supervisor ended" if ended else f"{seconds:.0f} s have passed"
                raise AssertionError(f"{complaint}: {reason}\n{self.describe()}")
            time.sleep(0.1)
        return found


def _copy(source: Path, target: Path, *names: str) -> None:
    """With owners and times, which shutil does not keep."""
    subprocess.run(["cp", "-a", *(str(source / name) for name in names), f"{target}/"], check=True)
