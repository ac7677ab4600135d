"""`python -m chatapp.runtime` where it refuses to start."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from chatapp.demo import versions as demo
from chatapp.inference.catalog import ARTIFACTS
from chatapp.runtime.files import CHECKOUT
from chatapp.runtime.greeting import compose_greeting
from chatapp.runtime.lock import lock_home
from chatapp.runtime.options import DEFAULT_MODELS, read_options


def run_command(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "chatapp.runtime"],
        cwd=CHECKOUT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_a_port_in_use_is_named(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run_command(PORT=str(port))
    assert result.returncode == 1
    assert f"Port {port} on 127.0.0.1 is in use" in result.stderr
    assert not (home / "postgres").exists()


def test_a_second_start_in_one_home_is_refused(home: Path) -> None:
    with lock_home(home):
        result = run_command()
    assert result.returncode == 1
    assert f"Chatapp already runs in {home}" in result.stderr


@pytest.mark.parametrize("port", ["http", "-1", "0", "65536", "80.0"])
def test_a_wrong_port_is_refused_with_a_sentence(home: Path, port: str) -> None:
    result = run_command(PORT=port)
    assert result.returncode == 1
    assert "it must be a whole number from 1 to 65535" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_default_models_are_those_of_the_demo_company() -> None:
    assert set(DEFAULT_MODELS) <= set(ARTIFACTS)
    assert tuple(demo.DEFAULT_MODELS) == DEFAULT_MODELS


def test_the_demo_models_can_be_narrowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATAPP_DEMO_MODELS", "one, two")
    assert read_options().models == ("one", "two")


def test_the_greeting_names_address_and_logins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOST", "0.0.0.0")
    monkeypatch.setenv("PORT", "8123")
    monkeypatch.setenv("CHATAPP_DEMO", "1")
    text = compose_greeting(read_options(), demo_password="open sesame")
    assert text.startswith("Ready: http://127.0.0.1:8123\n")
    assert "open sesame" in text
    assert all(name in text for name in ("alice", "bob", "mallory", "mona", "oscar", "ada"))
