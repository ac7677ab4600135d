"""The uploader's file name is metadata: shown, escaped, never part of a path."""

import re
import unicodedata
from hashlib import sha256

from chatapp.invisible import without_invisible

_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f]")
_MAX_CHARACTERS = 200
_MAX_SUFFIX = 10
_MAX_PATH = 255
_DRIVE = re.compile("[A-Za-z]:")


def clean_name(name: str) -> str:
    """The last part of a path of any system, without control and direction characters, at most 200 characters."""
    name = name.encode("utf-8", "ignore").decode()
    name = without_invisible(_UNSAFE.sub("", unicodedata.normalize("NFC", name))).replace("\\", "/").rpartition("/")[2]
    name = " ".join(name.split()).strip(". ")
    if len(name) > _MAX_CHARACTERS:
        stem, dot, suffix = name.rpartition(".")
        ending = dot + suffix if stem and len(suffix) <= _MAX_SUFFIX else ""
        name = name[: _MAX_CHARACTERS - len(ending)] + ending
    return name or "document"


def clean_path(path: str) -> str:
    """A name that keeps its folders, as `a/b.md`: each part cleaned, none that leads upwards, at most 255 characters.

    Of a longer path, the folders are replaced by a hash, so that two files never get the same name.
    """
    *folders, last = path.replace("\\", "/").split("/")
    kept = [clean_name(part) for part in folders if part.strip(". ") and not _DRIVE.fullmatch(part)]
    whole = "/".join([*kept, clean_name(last)])
    if len(whole) <= _MAX_PATH:
        return whole
    return f"{sha256('/'.join(kept).encode()).hexdigest()[:16]}/{clean_name(last)}"
