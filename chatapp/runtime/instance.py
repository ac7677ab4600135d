"""The running instance, written down by its supervisor so that `manage.py` in the same checkout finds it by itself."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from chatapp.runtime.files import home, write_private_file


@dataclass(frozen=True, kw_only=True)
class Instance:
    pid: int  # of the supervisor
    port: int
    database_url: str
    redis_url: str
    secret_key: str
    field_encryption_keys: tuple[str, ...]
    demo: bool
    processes: Mapping[str, int]  # name to process id


def read_instance() -> Instance | None:
    """None when no supervisor runs in this home, also when one was killed and left its file behind."""
    try:
        found = json.loads(_file().read_text())
        instance = Instance(**found | {"field_encryption_keys": tuple(found["field_encryption_keys"])})
        os.kill(instance.pid, 0)
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return instance


def write_instance(instance: Instance) -> None:
    write_private_file(_file(), json.dumps(asdict(instance), indent=2))


def remove_instance() -> None:
    _file().unlink(missing_ok=True)


def _file() -> Path:
    return home() / "instance.json"
