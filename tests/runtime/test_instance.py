import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from chatapp.runtime.instance import Instance, read_instance, remove_instance, write_instance
from chatapp.runtime.lock import AlreadyRunningError, lock_home
from chatapp.runtime.secret_store import load_secrets

INSTANCE = Instance(
    pid=os.getpid(),
    port=8123,
    database_url="postgres://127.0.0.1/chatapp",
    redis_url="redis://127.0.0.1/0",
    secret_key="secret",
    field_encryption_keys=("key",),
    demo=True,
    processes={"web": 2},
)


def test_is_read_as_written_and_private(home: Path) -> None:
    write_instance(INSTANCE)
    assert read_instance() == INSTANCE
    assert (home / "instance.json").stat().st_mode & 0o777 == 0o600
    remove_instance()
    assert read_instance() is None


def test_a_file_left_by_a_killed_supervisor_does_not_count(home: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    write_instance(replace(INSTANCE, pid=ended.pid))
    assert read_instance() is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"pid": 1}'])
def test_a_damaged_file_does_not_count(home: Path, text: str) -> None:
    (home / "instance.json").write_text(text)
    assert read_instance() is None


def test_secrets_are_made_once_and_private(home: Path) -> None:
    first = load_secrets(home)
    assert load_secrets(home) == first
    assert (home / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert len(set(vars(first).values())) == 4


def test_a_new_kind_of_secret_is_added_to_an_old_file(home: Path) -> None:
    (home / "secrets.json").write_text(json.dumps({"secret_key": "old"}))
    assert load_secrets(home).secret_key == "old"
    assert json.loads((home / "secrets.json").read_text())["valkey_password"]


def test_damaged_secrets_are_never_replaced(home: Path) -> None:
    (home / "secrets.json").write_text("{")
    with pytest.raises(ValueError, match="Restore it from a backup"):
        load_secrets(home)
    assert (home / "secrets.json").read_text() == "{"


def test_one_supervisor_per_home(home: Path) -> None:
    write_instance(INSTANCE)
    with lock_home(home), pytest.raises(AlreadyRunningError, match="port 8123"), lock_home(home):
        pass
    with lock_home(home):
        pass
