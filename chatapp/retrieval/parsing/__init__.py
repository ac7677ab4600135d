"""Reading files: one module per format, each with `parse(path) -> Parsed`, run in a child process by `child.py`.

`reading.py` picks the module, also for files inside files.
"""

from dataclasses import dataclass, field
from enum import StrEnum


class BlockKind(StrEnum):
    HEADING = "heading"
    TEXT = "text"
    TABLE = "table"
    CODE = "code"


# Of one line: page, left, top, right, bottom (in 1/10000 of the page, from its upper left corner), and how many
# characters of the block's text the line covers, what separates it from the next one included.
Box = list[int]


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of a document in reading order. Tables are Markdown pipe tables with a header row.

    A heading of level 0 names a part, as a sheet or a file of an archive, and never the whole document.
    `boxes` say where its lines stand on the page, in the order of the text, where the format has pages with places.
    """

    kind: BlockKind
    text: str
    level: int = 0
    page: int | None = None
    boxes: list[Box] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Parsed:
    """`notes` are sentences for the uploader about what was left out or could not be read."""

    blocks: list[Block] = field(default_factory=list)
    title: str = ""
    pages: int | None = None
    notes: list[str] = field(default_factory=list)


class Reason(StrEnum):
    """Why a file could not be read: the sentence that the uploader reads."""

    EMPTY = "The file is empty."
    NO_TEXT = "No text was found in the file. If it is a scan, make a sharper one and upload it."
    OCR_OFF = (
        "No text was found, and text recognition (OCR) is off here. Run text recognition on the file and upload the "
        "result, or ask your administrator to install Tesseract."
    )
    ENCRYPTED = "The file is protected by a password. Remove the password and upload it again."
    DAMAGED = "The file is damaged or incomplete. Open it, save it again and upload the copy."
    NOT_TEXT = "The file does not contain text, although its name says so."
    NOT_OFFICE = "The file is not the Office document that its name says. Save it as one and upload it again."
    NO_MEMBERS = "No file in the archive could be read. Upload the files one by one to see why."
    NESTED = "Archives inside other files are not opened. Unpack it and upload its files."
    UNKNOWN_TYPE = "Files of this type cannot be read here. Convert it and upload it again."
    ENTITIES = "The file declares XML entities, which are not allowed. Save it with a current Office program."
    TOO_LARGE = "The file holds more than can be read. Split it into smaller files."
    TOO_SLOW = "Reading the file took too long. Split it into smaller files, or upload it as plain text."
    UNREADABLE = "The file could not be read. Save it again, or as another format, and upload the copy."


class ParsingError(Exception):
    def __init__(self, reason: Reason) -> None:
        self.reason = reason
        super().__init__(reason.value)
