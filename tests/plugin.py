"""Gives the tests a real PostgreSQL and a real Valkey before Django's settings are read.

Loaded by `-p tests.plugin` (pyproject.toml). Workers of pytest-xdist inherit what the controller started.
"""

import os
from contextlib import ExitStack
from typing import Any

import hypothesis
import pytest
from django.conf import settings
from django.test import TransactionTestCase

from chatapp.runtime.with_services import disposable_environment
from tests.emptying import empty_used_tables

_running = ExitStack()


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    if "PYTEST_XDIST_WORKER" not in os.environ:
        os.environ.update(_running.enter_context(disposable_environment()))
        os.environ["HTTPS"] = "0"  # the test client speaks plain http


def pytest_configure() -> None:
    # The manifest of hashed names is made by collectstatic; the running product in tests/e2e has the real one.
    settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STATIC_ROOT.mkdir(exist_ok=True)
    # Argon2 is slow on purpose; the people of the tests are many.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    # How long an example takes is the machine's affair, not the code's.
    slow = [hypothesis.HealthCheck.too_slow]
    hypothesis.settings.register_profile("busy machine", deadline=None, suppress_health_check=slow)
    hypothesis.settings.load_profile("busy machine")
    TransactionTestCase._fixture_teardown = empty_used_tables  # type: ignore[attr-defined]  # Not in the stubs.


def pytest_sessionstart() -> None:
    """Queries are counted exactly: no test meets the minute in which the active data keys are read again."""
    from chatapp.privacy.selectors import keys

    keys.ACTIVE_SECONDS = 1e9


def pytest_terminal_summary(terminalreporter: Any) -> None:
    from tests.security.report import outcomes, summarize

    def names(*whats: str) -> list[str]:
        return [report.nodeid for what in whats for report in terminalreporter.getreports(what)]

    if line := summarize(outcomes(passed=names("passed"), others=names("failed", "error", "skipped"))):
        terminalreporter.section("Security")
        terminalreporter.write_line(line)


def pytest_unconfigure() -> None:
    _running.close()
