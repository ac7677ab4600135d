from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runtime.helpers import Nursery


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, without the services that the test session has."""
    place = tmp_path / "home"
    (place / "log").mkdir(parents=True)
    monkeypatch.setenv("CHATAPP_HOME", str(place))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)
    return place


@pytest.fixture
def nursery() -> Iterator[Nursery]:
    nursery = Nursery()
    yield nursery
    nursery.close()
