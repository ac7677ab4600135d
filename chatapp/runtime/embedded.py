"""Both embedded services together, for whoever needs a database and a broker and was given none."""

from dataclasses import dataclass
from pathlib import Path

from chatapp.runtime.environ import read_variable
from chatapp.runtime.files import make_private_folder
from chatapp.runtime.postgres import Postgres
from chatapp.runtime.process import Process, Program, stop_all
from chatapp.runtime.valkey import Valkey

_START_SECONDS = 60
_STOP_SECONDS = 20


@dataclass(frozen=True, kw_only=True)
class Services:
    database_url: str
    redis_url: str
    processes: tuple[Process, ...]  # those that were started here


def start_services(home: Path, *, valkey_password: str, durable: bool = True) -> Services:
    """Start what DATABASE_URL and REDIS_URL do not name already. ProcessError says what did not start and why."""
    logs = make_private_folder(make_private_folder(home) / "log")
    database_url, redis_url = read_variable("DATABASE_URL"), read_variable("REDIS_URL")
    processes: list[Process] = []
    try:
        if not database_url:
            postgres = Postgres(home, log=logs / "postgres.log", durable=durable)
            processes.append(_start(postgres.program()))
            database_url = postgres.url
        if not redis_url:
            valkey = Valkey(home, log=logs / "valkey.log", password=valkey_password, durable=durable)
            processes.append(_start(valkey.program()))
            redis_url = valkey.url
        for process in processes:
            process.wait_ready(_START_SECONDS)
    except BaseException:
        stop_all(processes, seconds=_STOP_SECONDS)
        raise
    return Services(database_url=database_url, redis_url=redis_url, processes=tuple(processes))


def _start(program: Program) -> Process:
    process = Process(program)
    process.start()
    return process


def stop_services(services: Services) -> None:
    stop_all(list(services.processes), seconds=_STOP_SECONDS)
