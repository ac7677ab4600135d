"""Settings of the environment, where `NAME_FILE` may name a file that holds the value of `NAME`."""

import math
from typing import TypeVar

import environ
from django.core.exceptions import ImproperlyConfigured
from environ.fileaware_mapping import FileAwareMapping

Number = TypeVar("Number", int, float)


class _TrimmedFiles(FileAwareMapping):  # type: ignore[misc]
    """Whoever writes a file ends it with a newline, which is no part of the secret."""

    def __getitem__(self, key: str) -> str:
        value: str = super().__getitem__(key)
        return value.strip()


class Env(environ.Env):  # type: ignore[misc]
    ENVIRON = _TrimmedFiles()

    def within(self, name: str, *, default: Number, least: float, most: float = math.inf) -> Number:
        """A number of the default's type. Raises ImproperlyConfigured when it is out of bounds."""
        value: Number = self.get_value(name, cast=type(default), default=default)
        if not least <= value <= most:
            bounds = f"{least} or more" if most == math.inf else f"from {least} to {most}"
            raise ImproperlyConfigured(f"{name} is {bounds}.")
        return value
