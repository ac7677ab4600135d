"""Files of a Git repository: a checkout on this machine, or a shallow clone of an https URL."""

import base64
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from django.conf import settings

from chatapp.errors import ChatappError
from chatapp.retrieval.connectors.base import (
    Config,
    Content,
    Item,
    ItemError,
    Known,
    SourceError,
    is_hidden,
    is_wanted,
    patterns_of,
    take_patterns,
    take_text,
)
from chatapp.retrieval.connectors.folder import is_allowed
from chatapp.retrieval.connectors.repositories import GitError, run_git
from chatapp.retrieval.fetching import complain_of, is_listed

_LFS = b"version https://git-lfs.github.com/spec/"
_REGULAR = {"100644", "100755"}  # no links (120000), no submodules (160000)
_DEFAULT_USER = "x-access-token"


def clean_config(given: Mapping[str, object]) -> Config:
    """`repository` is a URL or a folder. Raises ChatappError("invalid")."""
    repository = take_text(given, "repository", label="the repository")
    if "://" in repository:
        if complaint := complain_of(repository) or _complain_of_scheme(repository):
            raise ChatappError("invalid", detail=f"the repository cannot be read. {complaint}")
    elif not is_allowed(Path(repository)):
        raise ChatappError("invalid", detail="the folder is not below one that the operator allows for connectors.")
    branch = take_text(given, "branch", required=False)
    plain = branch.isascii() and all(sign.isalnum() or sign in "._/-" for sign in branch)
    if branch.startswith("-") or ".." in branch or not plain:
        raise ChatappError("invalid", detail="that is no name of a branch.")
    user = take_text(given, "user", required=False)
    return {"repository": repository, "branch": branch, "user": user, "include": take_patterns(given)}


def _complain_of_scheme(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme == "https" or is_listed(parts.hostname or ""):
        return ""
    return "It starts with https://."


class GitSource:
    """`revision` is the commit."""

    def __init__(self, config: Config, secret: str, *, connector_id: UUID, revision: str = "") -> None:
        self.revision = revision
        repository = str(config["repository"])
        branch = str(config.get("branch") or "")
        self._wanted = f"refs/heads/{branch}" if branch else "HEAD"
        self._patterns = patterns_of(config)
        self._url = repository if "://" in repository else ""
        self._folder = clone_folder(connector_id) if self._url else _git_folder(Path(repository))
        pair = f"{config.get('user') or _DEFAULT_USER}:{secret}"
        self._token = base64.b64encode(pair.encode()).decode() if secret else ""

    def list_items(self) -> Iterator[Item]:
        self.revision = self._newest()
        if self._url and not self._has(self.revision):
            self._clone()
        listed = run_git("ls-tree", "-r", "-z", "--full-tree", self.revision, folder=self._folder)
        for line in listed.decode("utf-8", "replace").split("\0"):
            about, _, name = line.partition("\t")
            if not name or is_hidden(name) or not is_wanted(name, self._patterns):
                continue
            mode, _, object_id = about.split(" ")
            if mode in _REGULAR:
                yield Item(key=name, name=name, revision=object_id)

    def read_item(self, item: Known, into: BinaryIO) -> Content:
        self._check()
        if self._url and not self._has(self.revision):
            self._clone()
        try:
            size = int(run_git("cat-file", "-s", item.revision, folder=self._folder))
            if size > settings.UPLOAD_MAX_BYTES:
                raise ItemError("It is larger than the limit.")
            data = run_git("cat-file", "blob", item.revision, folder=self._folder)
        except GitError:
            raise ItemError("Git cannot read the file.") from None
        if data.startswith(_LFS):
            raise ItemError("It is stored by Git LFS, which is not read.")
        into.write(data)
        return Content()

    def _newest(self) -> str:
        self._check()
        wanted = self._wanted
        if not self._url:
            return run_git("rev-parse", "--verify", "--end-of-options", wanted, folder=self._folder).decode().strip()
        lines = run_git("ls-remote", "--", self._url, wanted, remote=self._url, token=self._token).decode().split("\n")
        found = [line.partition("\t")[0] for line in lines if line.partition("\t")[2] == wanted]
        if not found:
            raise SourceError("There is no such branch, or the repository is empty.")
        return found[0]

    def _clone(self) -> None:
        """Anew for each commit: nothing piles up, and a broken clone mends itself."""
        fresh = self._folder.with_name(f"{self._folder.name}-{uuid4().hex}")
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            run_git("init", "--quiet", "--bare", "--template=", "--", str(fresh))
            depth = ("--depth=1", "--no-tags", "--no-recurse-submodules", "--quiet")
            run_git("fetch", *depth, "--", self._url, self._wanted, folder=fresh, remote=self._url, token=self._token)
            self.revision = run_git("rev-parse", "FETCH_HEAD", folder=fresh).decode().strip()
            shutil.rmtree(self._folder, ignore_errors=True)
            fresh.rename(self._folder)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    def _has(self, commit: str) -> bool:
        try:
            return self._folder.is_dir() and bool(run_git("cat-file", "-t", commit, folder=self._folder))
        except GitError:
            return False

    def _check(self) -> None:
        if not self._url and not is_allowed(self._folder):
            raise SourceError("The folder is not below one that the operator allows for connectors.")


def clone_folder(connector_id: UUID) -> Path:
    return Path(settings.CONNECTOR_CACHE_DIR) / f"{connector_id.hex}.git"


def forget_clone(connector_id: UUID) -> None:
    shutil.rmtree(clone_folder(connector_id), ignore_errors=True)


def _git_folder(repository: Path) -> Path:
    """Of a checkout, or the bare repository itself; a `.git` that is a file would lead elsewhere."""
    inner = repository / ".git"
    return inner if inner.is_dir() else repository
