"""Folders and files that only their owner may read."""

import os
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def home() -> Path:
    """Where the embedded data lives: CHATAPP_HOME, else `var/` in the checkout."""
    configured = os.environ.get("CHATAPP_HOME")
    return Path(configured).expanduser().resolve() if configured else CHECKOUT / "var"


def make_private_folder(path: Path, *, owner: int | None = None) -> Path:
    """Create `path` with mode 0700. PermissionError if somebody else has made it first (think of /tmp)."""
    owner = os.geteuid() if owner is None else owner
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = path.lstat()
    if path.is_symlink() or status.st_uid not in {owner, os.geteuid()}:
        raise PermissionError(f"{path} belongs to another user; remove it or set CHATAPP_HOME to another folder.")
    if status.st_uid != owner:
        os.chown(path, owner, owner)
    path.chmod(0o700)
    return path


def write_private_file(path: Path, text: str, *, owner: int | None = None) -> None:
    """Replace `path` in one step, readable by its owner only."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
        if owner is not None:
            os.fchown(file.fileno(), owner, owner)
    Path(temporary).rename(path)
