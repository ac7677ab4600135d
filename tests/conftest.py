from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.e2e.browser import FLAGS, find_chromium
from tests.stack import Stack


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a product that was started from nothing and stopped, for every `Stack` to begin with."""
    first = Stack(tmp_path_factory.mktemp("company"))
    try:
        first.start()
    finally:
        first.stop()
    return first.home


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, company: Path) -> Iterator[Stack]:
    """The running product, shared by the session. A test that breaks it for others makes a `Stack` of its own."""
    stack = Stack(tmp_path_factory.mktemp("stack"))
    try:
        stack.begin_as(company)
        stack.start()
        yield stack
    finally:
        stack.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One for all tests: playwright allows no second one in a process."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        yield browser
        browser.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Add the logs of the product to the report of a failed test that used it."""
    report = yield
    used = getattr(item, "funcargs", {}).get("stack")
    if report.when == "call" and report.failed and isinstance(used, Stack):
        report.sections.append(("Logs of the running product", used.describe()))
    return report
