"""A partial file that grows until it is whole, and goes on where an earlier try stopped."""

import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from chatapp.inference.artifacts.progress import ArtifactError

# Kept free for whatever else writes there: notes of the store, logs, the rest of the machine.
RESERVE_BYTES = 1 << 30

Advance = Callable[[int, int], None]  # bytes that are here, and of the whole file: 0 while nobody has said


@dataclass(frozen=True)
class Target:
    """`limit_bytes` are the most that are taken. `is_known`: a hash tells later whether the parts fit together.

    Without one, bytes are added to earlier ones only where the source says by a tag that its file is the same still.
    """

    partial: Path
    limit_bytes: int
    is_known: bool
    advance: Advance

    def resume_headers(self) -> dict[str, str]:
        """Of an HTTP request (RFC 9110, Range and If-Range); an answer 206 is what `take` adds."""
        have, tag = self.begin(), self._tag()
        if not have:
            return {}
        return {"Range": f"bytes={have}-", **({"If-Range": tag} if tag else {})}

    def begin(self) -> int:
        """How many bytes are of use; what is not is removed."""
        have = self.partial.stat().st_size if self.partial.exists() else 0
        if have and (have >= self.limit_bytes or not (self.is_known or self._tag())):
            self.partial.unlink()
            return 0
        return have

    def begin_with(self, tag: str) -> int:
        """`begin`, and nothing is of use that was read under another tag."""
        if self._tag() != tag:
            self.discard()
        return self.begin()

    def take(self, chunks: Iterable[bytes], *, resumed: bool, total: int, tag: str = "") -> None:
        """Writes what comes; `total` are the bytes of the whole file, 0 when nobody said. Raises ArtifactError."""
        written = self.partial.stat().st_size if resumed and self.partial.exists() else 0
        self._check_size(total, written)
        self._note().write_text(tag)
        with self.partial.open("ab" if written else "wb") as file:
            for chunk in chunks:
                written += len(chunk)
                if written > self.limit_bytes:
                    raise ArtifactError(f"more than the {self.limit_bytes} bytes expected were sent")
                self.check_room(len(chunk))
                file.write(chunk)
                self.advance(written, total)
        if total and written != total:
            raise ArtifactError(f"it broke off after {written:,} of {total:,} bytes")
        self._note().unlink(missing_ok=True)

    def discard(self) -> None:
        for path in (self.partial, self._note()):
            path.unlink(missing_ok=True)

    def _check_size(self, total: int, written: int) -> None:
        if total > self.limit_bytes:
            raise ArtifactError(f"it has {total:,} bytes, and at most {self.limit_bytes:,} are taken")
        self.check_room(total - written)

    def check_room(self, needed: int) -> None:
        """Also while it is written: nobody may have said how much comes, and others write too. Raises ArtifactError."""
        free = shutil.disk_usage(self.partial.parent).free
        if needed > free - RESERVE_BYTES:
            said = f"{max(needed, 0) / 1e9:.1f} GB more are needed, and the disk has {free / 1e9:.1f} GB free"
            raise ArtifactError(f"{said}, of which 1 GB stays")

    def _note(self) -> Path:
        return self.partial.with_name(f"{self.partial.name}.tag")

    def _tag(self) -> str:
        return self._note().read_text() if self._note().exists() else ""


def total_of(headers: Mapping[str, str], *, resumed: bool) -> int:
    """Of the whole file, by Content-Range or Content-Length; 0 when neither says."""
    said = headers.get("content-range", "").rpartition("/")[2] if resumed else headers.get("content-length", "")
    return int(said) if said.isdecimal() and len(said) < 16 else 0


def tag_of(headers: Mapping[str, str]) -> str:
    """A strong ETag, which alone may stand in If-Range."""
    tag = headers.get("etag", "")
    return tag if tag.startswith('"') and len(tag) < 200 else ""
