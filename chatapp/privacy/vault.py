"""Files that are as confidential as messages: encrypted in frames, so that none is held in memory as a whole.

A frame's number, and whether it is the last, are associated data: a file that was cut or put together anew is refused.
"""

import base64
from collections.abc import Iterator
from typing import IO

from django.core.files import File

from chatapp.encryption import MARK, DecryptionError, decrypt, encrypt

FRAME_BYTES = 256 * 1024


def seal(source: IO[bytes], target: IO[bytes], *, name: str) -> None:
    number, frame = 0, source.read(FRAME_BYTES)
    while True:
        following = source.read(FRAME_BYTES)
        place = _place(name, number, is_last=not following)
        text = base64.b64encode(frame).decode()
        target.write(encrypt(text, purpose="messages", column=place).encode() + b"\n")
        if not following:
            return
        number, frame = number + 1, following


def unseal(source: "File[bytes] | IO[bytes]", *, name: str) -> Iterator[bytes]:
    """Raises DecryptionError."""
    line, number = source.readline(), 0
    while line:
        following = source.readline()
        stored = line.rstrip(b"\n").decode()
        if not stored.startswith("\x01"):
            raise DecryptionError(f"{name} is no sealed file.")
        yield base64.b64decode(decrypt(stored, column=_place(name, number, is_last=not following)))
        line, number = following, number + 1


def key_of(source: "File[bytes] | IO[bytes]") -> str:
    """The data key that the file is under; empty for none."""
    head = source.read(64).decode(errors="replace")
    return head.removeprefix(MARK).partition(":")[0] if head.startswith(MARK) else ""


def _place(name: str, number: int, *, is_last: bool) -> str:
    return f"file {name} {number} {'end' if is_last else 'more'}"
