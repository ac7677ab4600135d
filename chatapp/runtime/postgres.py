"""PostgreSQL with pgvector from a wheel: its programs only, under this launcher.

It listens on a free loopback port only, and its generated password lies beside the data, so both travel together.
"""

import secrets
import shutil
import signal
import subprocess
from pathlib import Path

from chatapp.runtime.files import make_private_folder, write_private_file
from chatapp.runtime.identity import choose_identity
from chatapp.runtime.leftovers import end_leftover
from chatapp.runtime.ports import find_free_port
from chatapp.runtime.process import ProcessError, Program

_NAME = "chatapp"  # of the database and of its owner
_CLUSTER_OPTIONS = (
    "--auth-local=reject",
    "--auth-host=scram-sha-256",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
)

# For a machine that runs everything else too. JIT costs more than it gives on short queries; parallel index builds
# need shared memory that small containers do not have.
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "effective_cache_size": "1GB",
    "work_mem": "8MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "512MB",
    "max_parallel_maintenance_workers": "0",
    "random_page_cost": "1.1",
    "jit": "off",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] ",
    "timezone": "UTC",
}
_DISPOSABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "64MB"}


class Postgres:
    """The cluster in `home`. With `durable=False` it is fast and may be lost with the machine: for tests."""

    def __init__(self, home: Path, *, log: Path, durable: bool = True) -> None:
        self._identity = choose_identity(home)
        self._data = self._identity.folder / "data"
        self._password_file = self._identity.folder / "password"
        self._port = find_free_port()
        self._log = log
        self._durable = durable
        self._settings = _SETTINGS | ({} if durable else _DISPOSABLE)

    @property
    def url(self) -> str:
        """Known once the program was prepared, which makes the cluster and its password."""
        return f"postgres://{_NAME}:{self._password_file.read_text()}@127.0.0.1:{self._port}/{_NAME}"

    def program(self) -> Program:
        command = [str(self._identity.binaries / "postgres"), "-D", str(self._data)]
        for name, value in {"port": str(self._port), **self._settings}.items():
            command += ["-c", f"{name}={value}"]
        return Program(
            name="postgres",
            command=tuple(command),
            log=self._log,
            folder=Path("/"),
            prepare=self._prepare,
            become=self._identity.become,
            user=self._identity.user,
            ready=self._is_ready,
            stop_signal=signal.SIGINT,  # "fast": sessions are ended, not waited for
            orphan_signal=signal.SIGINT,
        )

    def _prepare(self) -> None:
        if not self._data.exists():
            self._create_cluster()
        end_leftover(self._data / "postmaster.pid", folder=self._data, stop_signal=signal.SIGINT)

    def _create_cluster(self) -> None:
        """In a folder of another name until it is whole, so that a killed first start leaves nothing half made."""
        unfinished = self._data.with_name("data.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        make_private_folder(unfinished, owner=self._identity.user)
        write_private_file(self._password_file, secrets.token_urlsafe(24), owner=self._identity.user)
        password = f"--pwfile={self._password_file}"
        sync = () if self._durable else ("--no-sync",)
        self._run("initdb", "-D", str(unfinished), f"--username={_NAME}", password, *_CLUSTER_OPTIONS, *sync)
        single_user = ("--single", "-D", str(unfinished), "-c", f"fsync={'on' if self._durable else 'off'}", "postgres")
        self._run("postgres", *single_user, input_text=f"CREATE DATABASE {_NAME}\n")
        unfinished.rename(self._data)

    def _run(self, program: str, *arguments: str, input_text: str = "") -> None:
        finished = subprocess.run(
            [self._identity.binaries / program, *arguments],
            cwd="/",
            input=input_text,
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=self._identity.become,
            user=self._identity.user,
            group=self._identity.user,
            extra_groups=None if self._identity.user is None else [],
        )
        if finished.returncode != 0:
            raise ProcessError(f"{program} failed with status {finished.returncode}:\n{finished.stderr[-2000:]}")

    def _is_ready(self) -> bool:
        """Whether it takes connections: it accepts them, to refuse them, while it still recovers."""
        probe = [str(self._identity.binaries / "pg_isready"), "--quiet", "--host=127.0.0.1", f"--port={self._port}"]
        return subprocess.run(probe, check=False).returncode == 0
