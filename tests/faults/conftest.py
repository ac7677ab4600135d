from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.faults.scene import Scene
from tests.faults.services import FaultStack
from tests.faults.table import Table

_TABLE = pytest.StashKey[Table]()
# Small, so that a few answers fill it; titles would be written by the same slots as the answers.
ENVIRONMENT = {
    "CHATAPP_TITLES": "0",
    "CHATAPP_SUMMARIES": "0",
    "INFERENCE_SLOTS": "8",
    "QUEUE_MAX_GENERATIONS": "30",
    "GATE_QUESTIONS": "5",
    "GATE_LOAD_SECONDS": "2",
}


class Prove(Protocol):
    def __call__(self, *counted: str) -> None: ...


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_TABLE] = Table()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, company: Path) -> Iterator[FaultStack]:
    """One for all faults."""
    stack = FaultStack(tmp_path_factory.mktemp("faults"), environment=ENVIRONMENT)
    try:
        stack.begin_as(company)
        stack.start()
        stack.serve("scripted")
        yield stack
    finally:
        stack.stop()


@pytest.fixture(scope="session")
def _people(stack: FaultStack) -> Iterator[Scene]:
    scene = Scene(stack)
    yield scene
    scene.close()


@pytest.fixture
def scene(_people: Scene) -> Iterator[Scene]:
    _people.begin()
    yield _people
    _people.end()


@pytest.fixture
def table(request: pytest.FixtureRequest) -> Table:
    return request.config.stash[_TABLE]


@pytest.fixture
def prove(request: pytest.FixtureRequest, scene: Scene, table: Table) -> Prove:
    """Asserts I1 to I10 after the fault; `counted` are the kinds of `chatapp_faults_total` that must have risen."""

    def prove(*counted: str) -> None:
        table.prove(scene, _faults_of(request.node), counted)

    return prove


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    report = yield
    if report.failed:
        item.config.stash[_TABLE].fail(_faults_of(item), item.name)
    return report


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    table = config.stash[_TABLE]
    if table.rows:
        terminalreporter.section("Faults")
        terminalreporter.write_line("\n".join(table.lines()))


def _faults_of(item: Any) -> tuple[str, ...]:
    mark = item.get_closest_marker("fault")
    return mark.args if mark else ()
