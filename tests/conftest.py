from collections.abc import Iterator
from typing import Any

import pytest

from tests.stack import Stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The running product, shared by the session. A test that breaks it for others makes a `Stack` of its own."""
    stack = Stack(tmp_path_factory.mktemp("stack"))
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Add the logs of the product to the report of a failed test that used it."""
    report = yield
    used = getattr(item, "funcargs", {}).get("stack")
    if report.when == "call" and report.failed and isinstance(used, Stack):
        report.sections.append(("Logs of the running product", used.describe()))
    return report
