"""Files below a folder of this machine that the operator allows (CONNECTOR_FOLDERS)."""

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from chatapp.errors import ChatappError
from chatapp.retrieval.connectors.base import (
    Config,
    Content,
    Item,
    ItemError,
    ItemGoneError,
    Known,
    SourceError,
    is_hidden,
    is_wanted,
    patterns_of,
    take_patterns,
    take_text,
)


def clean_config(given: Mapping[str, object]) -> Config:
    """Raises ChatappError("invalid")."""
    path = take_text(given, "path", label="the folder")
    if not is_allowed(Path(path)):
        raise ChatappError("invalid", detail="the folder is not below one that the operator allows for connectors.")
    return {"path": path, "include": take_patterns(given)}


def is_allowed(path: Path) -> bool:
    """Whether it lies, after all links are followed, in a folder of CONNECTOR_FOLDERS."""
    if not path.is_absolute():
        return False
    real = path.resolve()
    return any(real.is_relative_to(allowed.resolve()) for allowed in settings.CONNECTOR_FOLDERS)


class FolderSource:
    revision = ""

    def __init__(self, config: Config) -> None:
        self._root = Path(str(config["path"]))
        self._patterns = patterns_of(config)

    def list_items(self) -> Iterator[Item]:
        self._check()
        for folder, folders, files in os.walk(self._root, onerror=_fail):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(files):
                path = Path(folder, name)
                key = path.relative_to(self._root).as_posix()
                if is_hidden(key) or path.is_symlink() or not path.is_file() or not is_wanted(key, self._patterns):
                    continue
                status = path.stat()
                yield Item(key=key, name=key, revision=f"{status.st_mtime_ns}-{status.st_size}")

    def read_item(self, item: Known, into: BinaryIO) -> Content:
        self._check()
        path = self._root / item.key
        if not path.resolve().is_relative_to(self._root.resolve()):
            raise ItemError("It leads out of the folder.")
        try:
            # Between the check and here a link may have taken its place: it is not followed.
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
                if os.fstat(file.fileno()).st_size > settings.UPLOAD_MAX_BYTES:
                    raise ItemError("It is larger than the limit.")
                shutil.copyfileobj(file, into)
        except FileNotFoundError:
            raise ItemGoneError("The file is gone.") from None
        except OSError:
            raise ItemError("The file cannot be read.") from None
        return Content()

    def _check(self) -> None:
        if not is_allowed(self._root):
            raise SourceError("The folder is not below one that the operator allows for connectors.")
        if not self._root.is_dir():
            raise SourceError("There is no such folder now.")


def _fail(error: OSError) -> None:
    raise SourceError("A folder cannot be read.") from error
