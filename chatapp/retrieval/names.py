"""The uploader's file name is metadata: shown, escaped, never part of a path."""

import re
import unicodedata

from chatapp.invisible import without_invisible

_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f]")
_MAX_CHARACTERS = 200
_MAX_SUFFIX = 10


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
