import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from chatapp.runtime import identity
from chatapp.runtime.linux import NOBODY
from chatapp.runtime.postgres import Postgres
from chatapp.runtime.process import ProcessError
from tests.runtime.helpers import Nursery, find_processes_in, lives, wait_until


def make_postgres(home: Path, *, durable: bool = False) -> Postgres:
    return Postgres(home, log=home / "log" / "postgres.log", durable=durable)


def run(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_offers_vectors_and_sorts_by_code_point(home: Path, nursery: Nursery) -> None:
    postgres = make_postgres(home)
    nursery.start(postgres.program())
    run(postgres.url, "CREATE EXTENSION vector")
    assert run(postgres.url, "SELECT '[1,2]'::vector <-> '[1,4]'::vector") == [(2.0,)]
    assert run(postgres.url, "SELECT string_agg(x, '' ORDER BY x) FROM unnest(ARRAY['b', 'B', 'ä']) x") == [("Bbä",)]


def test_needs_its_password(home: Path, nursery: Nursery) -> None:
    postgres = make_postgres(home)
    nursery.start(postgres.program())
    password = (home / "postgres" / "password").read_text()
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(postgres.url.replace(password, "guessed"))
    assert (home / "postgres").stat().st_mode & 0o777 == 0o700
    assert (home / "postgres" / "password").stat().st_mode & 0o777 == 0o600


def test_second_start_keeps_the_data(home: Path, nursery: Nursery) -> None:
    first = make_postgres(home)
    process = nursery.start(first.program())
    run(first.url, "CREATE TABLE kept AS SELECT 7 AS n")
    process.terminate()
    wait_until(process.has_exited)
    process.kill()
    second = make_postgres(home)
    nursery.start(second.program())
    assert run(second.url, "SELECT n FROM kept") == [(7,)]


def test_recovers_from_kill_at_the_same_address(home: Path, nursery: Nursery) -> None:
    postgres = make_postgres(home, durable=True)
    process = nursery.start(postgres.program())
    run(postgres.url, "CREATE TABLE kept AS SELECT 7 AS n")
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    wait_until(process.has_exited)
    process.kill()
    wait_until(lambda: not find_processes_in(home))
    nursery.start(postgres.program())
    assert run(postgres.url, "SELECT n FROM kept") == [(7,)]


def test_stop_leaves_no_process(home: Path, nursery: Nursery) -> None:
    process = nursery.start(make_postgres(home).program())
    assert len(find_processes_in(home)) > 1
    process.terminate()
    wait_until(lambda: find_processes_in(home) in ([], [process.pid]))
    process.kill()
    assert find_processes_in(home) == []


def test_a_stale_pid_of_another_program_is_no_obstacle(home: Path, nursery: Nursery) -> None:
    postgres = make_postgres(home)
    process = nursery.start(postgres.program())
    pid_file = home / "postgres" / "data" / "postmaster.pid"
    text = pid_file.read_text()
    process.terminate()
    wait_until(process.has_exited)
    process.kill()
    bystander = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        pid_file.write_text(text.replace(text.split()[0], str(bystander.pid), 1))
        nursery.start(postgres.program())
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.communicate()


def test_a_server_left_by_a_killed_launcher_is_replaced(home: Path, nursery: Nursery) -> None:
    old = make_postgres(home)
    leftover = nursery.start(old.program())
    new = make_postgres(home)
    nursery.start(new.program())
    assert leftover.has_exited()
    assert run(new.url, "SELECT 1") == [(1,)]


def test_a_half_made_cluster_is_made_anew(home: Path, nursery: Nursery) -> None:
    unfinished = home / "postgres" / "data.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18")
    postgres = make_postgres(home)
    nursery.start(postgres.program())
    assert run(postgres.url, "SELECT 1") == [(1,)]


def test_a_refused_start_shows_the_end_of_the_log(home: Path, nursery: Nursery) -> None:
    postgres = make_postgres(home)
    process = nursery.start(postgres.program())
    process.terminate()
    wait_until(process.has_exited)
    process.kill()
    (home / "postgres" / "data" / "global" / "pg_control").write_bytes(b"damaged")
    with pytest.raises(ProcessError, match="postgres ended while starting") as caught:
        nursery.start(postgres.program())
    assert "pg_control" in str(caught.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_root_without_user_namespaces_runs_it_as_nobody(
    home: Path, tmp_path: Path, nursery: Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Path("/var/tmp") / f"chatapp-test-{os.getpid()}"
    place.mkdir()
    place.chmod(0o755)
    monkeypatch.setattr(identity, "works_in_user_namespace", lambda **_: False)
    monkeypatch.setattr(identity, "_NOBODYS_PLACE", place)
    try:
        postgres = make_postgres(home)
        process = nursery.start(postgres.program())
        assert run(postgres.url, "SELECT 1") == [(1,)]
        assert process.pid is not None
        assert lives(process.pid)
        assert (Path("/proc") / str(process.pid)).stat().st_uid == NOBODY
        assert [folder.stat().st_mode & 0o777 for folder in place.iterdir()] == [0o700]
        nursery.close()
    finally:
        subprocess.run(["rm", "-rf", place], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_data_of_the_other_kind_is_not_silently_left_behind(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "postgres" / "data").mkdir(parents=True)
    monkeypatch.setattr(identity, "works_in_user_namespace", lambda **_: False)
    with pytest.raises(PermissionError, match="DATABASE_URL"):
        make_postgres(home)


def test_a_folder_that_somebody_else_made_is_refused(home: Path, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    trap.mkdir()
    (home / "postgres").symlink_to(trap)
    with pytest.raises(PermissionError, match="belongs to another user"):
        make_postgres(home)
