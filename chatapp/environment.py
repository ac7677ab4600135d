"""Settings of the environment, where `NAME_FILE` may name a file that holds the value of `NAME`."""

import environ
from environ.fileaware_mapping import FileAwareMapping


class _TrimmedFiles(FileAwareMapping):  # type: ignore[misc]
    """Whoever writes a file ends it with a newline, which is no part of the secret."""

    def __getitem__(self, key: str) -> str:
        value: str = super().__getitem__(key)
        return value.strip()


class Env(environ.Env):  # type: ignore[misc]
    ENVIRON = _TrimmedFiles()
