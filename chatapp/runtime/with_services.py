"""`python -m chatapp.runtime.with_services COMMAND…`: a command beside a PostgreSQL and a Valkey of its own."""

import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chatapp.runtime.embedded import start_services, stop_services
from chatapp.runtime.secret_store import new_encryption_key


@contextmanager
def disposable_environment() -> Iterator[dict[str, str]]:
    """The settings that Django needs, with services that are fast and forget everything; given ones are kept."""
    with tempfile.TemporaryDirectory(prefix="chatapp-test-") as home:
        services = start_services(Path(home), valkey_password=secrets.token_urlsafe(24), durable=False)
        try:
            yield {
                "CHATAPP_HOME": home,
                "DATABASE_URL": services.database_url,
                "REDIS_URL": services.redis_url,
                "SECRET_KEY": secrets.token_urlsafe(48),
                "FIELD_ENCRYPTION_KEYS": new_encryption_key(),
            }
        finally:
            stop_services(services)


def main(command: list[str]) -> int:
    with disposable_environment() as environment:
        return subprocess.run(command, env={**os.environ, **environment}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
