"""What every kind of connector offers to a sync: a list of items, and the bytes of each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import BinaryIO, Protocol

from chatapp.errors import ChatappError
from chatapp.retrieval.formats import ACCEPTED_EXTENSIONS

MAX_KEY = 1000
MAX_PATTERNS = 20
_MAX_TEXT = 1000

Config = dict[str, object]


class SourceError(Exception):
    """Nothing can be read now. Its text is a sentence for whoever looks after the connector."""


class ItemError(Exception):
    """One item cannot be read. Its text is a sentence for whoever looks after the connector."""


class ItemGoneError(ItemError):
    """The source says that there is no such item any more."""


@dataclass(frozen=True, slots=True)
class Item:
    """`key` is the source's own name for it and `revision` what changes with its content, where that is known ahead.

    `depth` counts the links from the first page, on websites.
    """

    key: str
    name: str
    revision: str = ""
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Known:
    """An item as the last sync left it."""

    key: str
    revision: str
    depth: int


@dataclass(frozen=True, slots=True)
class Content:
    """What was read. `links` are further items that it names; `revision` is set where only reading tells it."""

    name: str = ""
    media_type: str = ""
    revision: str = ""
    links: list[Item] = field(default_factory=list)
    is_unchanged: bool = False
    is_left_out: bool = False


class Source(Protocol):
    """`revision` names what `list_items` saw as a whole, such as a commit; "" where there is no such name."""

    revision: str

    def list_items(self) -> Iterator[Item]:
        """Everything that is there now. Raises SourceError."""

    def read_item(self, item: Known, into: BinaryIO) -> Content:
        """Raises ItemError, ItemGoneError, and SourceError when no other item can be read either."""


def is_wanted(name: str, patterns: list[str]) -> bool:
    """Whether the product reads files of that name, and one of the patterns (`fnmatch`), if there are any, fits."""
    known = PurePosixPath(name).suffix.lower() in ACCEPTED_EXTENSIONS.split(",")
    return known and (not patterns or any(fnmatchcase(name, pattern) for pattern in patterns))


def is_hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))


def take_text(given: Mapping[str, object], name: str, *, required: bool = True, label: str = "") -> str:
    """Raises ChatappError("invalid")."""
    text = given.get(name)
    text = text.strip() if isinstance(text, str) else ""
    if required and not text:
        raise ChatappError("invalid", detail=f"{label or name} is missing.")
    if len(text) > _MAX_TEXT or not text.isprintable():
        raise ChatappError("invalid", detail=f"{label or name} has at most {_MAX_TEXT} printable characters.")
    return text


def take_number(given: Mapping[str, object], name: str, *, default: int, least: int, most: int) -> int:
    """Raises ChatappError("invalid")."""
    value = given.get(name)
    if value is None or value == "":
        return default
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ChatappError("invalid", detail=f"{name} is a number between {least} and {most}.")
    return value


def take_patterns(given: Mapping[str, object]) -> list[str]:
    """Of `include`: a text with commas, or a list. Raises ChatappError("invalid")."""
    value = given.get("include") or []
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list) or len(parts) > MAX_PATTERNS or not all(isinstance(part, str) for part in parts):
        raise ChatappError("invalid", detail=f"there are at most {MAX_PATTERNS} patterns, separated by commas.")
    patterns = [part.strip() for part in parts if part.strip()]
    if any(len(pattern) > 200 or not pattern.isprintable() or pattern.count("*") > 5 for pattern in patterns):
        raise ChatappError("invalid", detail="a pattern has at most 200 characters and 5 stars.")
    return patterns


def patterns_of(config: Config) -> list[str]:
    found = config.get("include")
    return [str(pattern) for pattern in found] if isinstance(found, list) else []
