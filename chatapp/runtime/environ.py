"""Settings of the environment as the launchers see them: `NAME`, or the file that `NAME_FILE` names."""

import os
from pathlib import Path


def read_variable(name: str) -> str | None:
    """None when it is not set or empty. OSError if the named file cannot be read."""
    file = os.environ.get(f"{name}_FILE")
    value = Path(file).read_text().strip() if file else os.environ.get(name)
    return value or None
