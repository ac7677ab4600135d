"""One small engine for all tests that change nothing of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from chatapp.inference.artifacts import default_directory, ensure_artifact
from chatapp.inference.catalog import SMOLLM2_135M
from chatapp.inference.engine import (
    Engine,
)
from chatapp.inference.tests.engine_probe import CONTEXT, is_idle, wait_until


@pytest.fixture(scope="session")
def model_path() -> Path:
    return ensure_artifact(SMOLLM2_135M, directory=default_directory(), report=lambda _progress: None)


@pytest.fixture(scope="session")
def shared_engine(model_path: Path) -> Iterator[Engine]:
    engine = Engine(model_path, slots=4, context_per_slot=CONTEXT, threads=1)
    yield engine
    engine.close()


@pytest.fixture
def engine(shared_engine: Engine) -> Iterator[Engine]:
    yield shared_engine
    wait_until(lambda: is_idle(shared_engine))
