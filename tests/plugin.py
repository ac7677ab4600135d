"""Gives the tests a real PostgreSQL and a real Valkey before Django's settings are read.

Loaded by `-p tests.plugin` (pyproject.toml). Workers of pytest-xdist inherit what the controller started.
"""

import os
import secrets
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest

from chatapp.runtime.embedded import disposable_services
from chatapp.runtime.secret_store import new_encryption_key

_running = ExitStack()


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    if "PYTEST_XDIST_WORKER" in os.environ:
        return
    home = Path(_running.enter_context(tempfile.TemporaryDirectory(prefix="chatapp-test-")))
    services = _running.enter_context(disposable_services(home))
    os.environ.update(
        CHATAPP_HOME=str(home),
        DATABASE_URL=services.database_url,
        REDIS_URL=services.redis_url,
        SECRET_KEY=secrets.token_urlsafe(48),
        FIELD_ENCRYPTION_KEYS=new_encryption_key(),
        HTTPS="0",
    )


def pytest_unconfigure() -> None:
    _running.close()
