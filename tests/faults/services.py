"""The product with a PostgreSQL and a Valkey that the tests hold, each behind a proxy."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from redis import Redis

from chatapp.runtime.files import make_private_folder
from chatapp.runtime.postgres import Postgres
from chatapp.runtime.process import Process, stop_all
from chatapp.runtime.valkey import Valkey
from tests.faults.proxy import Proxy
from tests.stack import Stack

_SECONDS = 60


# The invariants read from the tables what was said, and one person stands for a hundred.
_AS_ONE_PERSON = {"ENCRYPT_MESSAGES": "0", "SOCKETS_PER_USER": "200", "SOCKET_FRAMES_PER_SECOND": "2000"}


class FaultStack(Stack):
    """Valkey forgets all when it ends, as after a failover to nothing; PostgreSQL is durable, as it must be."""

    def __init__(self, home: Path, *, environment: dict[str, str] | None = None) -> None:
        super().__init__(home, environment={**_AS_ONE_PERSON, **(environment or {})})
        logs = make_private_folder(make_private_folder(make_private_folder(home) / "services") / "log")
        self._postgres = Postgres(self.cluster_home, log=logs / "postgres.log")
        self._valkey = Valkey(home / "services", log=logs / "valkey.log", password="faults", durable=False)
        self.services = {
            "postgres": Process(self._postgres.program()),
            "valkey": Process(self._valkey.program()),
        }
        self.proxies: dict[str, Proxy] = {}

    @property
    def cluster_home(self) -> Path:
        return self.home / "services"

    def start(self) -> None:
        for process in self.services.values():
            process.start()
        for process in self.services.values():
            process.wait_ready(_SECONDS)
        self.proxies = {
            "postgres": Proxy(_port(self._postgres.url)),
            "valkey": Proxy(_port(self._valkey.url)),
            "web": Proxy(self.port),
        }
        self.environment["DATABASE_URL"] = _through(self._postgres.url, self.proxies["postgres"])
        self.environment["REDIS_URL"] = _through(self._valkey.url, self.proxies["valkey"])
        super().start()

    def stop(self) -> None:
        super().stop()
        for proxy in self.proxies.values():
            proxy.close()
        stop_all(list(self.services.values()), seconds=_SECONDS)

    @property
    def pids(self) -> dict[str, int]:
        held = {name: process.pid for name, process in self.services.items() if process.pid is not None}
        return super().pids | held

    def end(self, service: str) -> None:
        """SIGKILL, as when its machine is gone."""
        self.services[service].kill()

    def begin(self, service: str) -> None:
        self.services[service].start()
        self.services[service].wait_ready(_SECONDS)

    def rows(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """What the database holds, past the proxy and without the right to change it."""
        with psycopg.connect(self._postgres.url, options="-c default_transaction_read_only=on") as connection:
            return connection.execute(statement.encode(), parameters).fetchall()

    def valkey(self) -> Any:
        """Past the proxy. Any: redis-py's types mix the answers of its two decoding modes."""
        return Redis.from_url(self._valkey.url, decode_responses=True, socket_timeout=5)


def _port(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


def _through(url: str, proxy: Proxy) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.replace(f":{parts.port}", f":{proxy.port}")).geturl()
