"""The whole product under its supervisor."""

import json
from pathlib import Path

import pytest

from chatapp.runtime.files import CHECKOUT
from tests.runtime.helpers import lives, wait_until
from tests.stack import Stack

ROLES = {"supervisor", "postgres", "valkey", "web", "inference", "pipeline", "beat"}


@pytest.mark.e2e
def test_every_part_runs(stack: Stack) -> None:
    assert set(stack.pids) == ROLES
    assert all(lives(pid) for pid in stack.pids.values())


@pytest.mark.e2e
def test_the_inference_worker_is_recognised_by_its_command_line(stack: Stack) -> None:
    command = (Path("/proc") / str(stack.pids["inference"]) / "cmdline").read_text()
    assert str(CHECKOUT) in command
    assert "celery" in command
    assert "inference" in command


@pytest.mark.e2e
def test_the_web_process_stays_light(stack: Stack) -> None:
    maps = (Path("/proc") / str(stack.pids["web"]) / "maps").read_text()
    assert not any(name in maps for name in ("libtorch", "libllama", "onnxruntime", "pdfium"))


@pytest.mark.e2e
def test_manage_finds_the_instance_by_itself(stack: Stack) -> None:
    stack.manage("migrate", "--check")


@pytest.mark.e2e
def test_no_secret_is_readable_for_others(stack: Stack) -> None:
    assert stack.home.stat().st_mode & 0o077 == 0
    assert [path for path in (stack.home / "log").iterdir() if path.stat().st_mode & 0o077] == []
    secrets = json.loads((stack.home / "secrets.json").read_text()).values()
    commands = b"".join((Path("/proc") / str(pid) / "cmdline").read_bytes() for pid in stack.pids.values())
    assert not any(secret.encode() in commands for secret in secrets)


@pytest.mark.faults
def test_a_killed_supervisor_leaves_nothing_and_the_next_goes_on(tmp_path: Path, company: Path) -> None:
    stack = Stack(tmp_path / "home")
    try:
        stack.begin_as(company)
        stack.start()
        pids = stack.pids
        stack.kill("supervisor")
        wait_until(lambda: not any(lives(pid) for pid in pids.values()), seconds=30)
        stack.stop()
        stack.start()
        assert set(stack.pids) == ROLES
        stack.stop()
        assert not any(lives(pid) for pid in pids.values())
        assert not (stack.home / "instance.json").exists()
    finally:
        stack.stop()
