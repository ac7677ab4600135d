"""Search by a worker, asked by the web process, while the broker is away or hangs."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = """
import django
django.setup()
from chatapp.errors import ChatappError
from chatapp.retrieval.client import lookup_embeddings
try:
    lookup_embeddings(["text"])
except ChatappError as error:
    print(error.code)
"""


@pytest.fixture
def hung() -> Iterator[str]:
    """The address of a broker that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


@pytest.mark.parametrize("broker", ["hung", "redis://127.0.0.1:1/0"])
def test_it_is_told_in_a_sentence_and_not_waited_for(broker: str, hung: str) -> None:
    asked = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env={**os.environ, "REDIS_URL": hung if broker == "hung" else broker},
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    assert asked.stdout == "search_unavailable\n"
