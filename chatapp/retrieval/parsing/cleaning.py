"""From bytes to clean text."""

import codecs
import re
import unicodedata

from chatapp.invisible import without_invisible
from chatapp.retrieval.parsing import ParsingError, Reason

# Everything that is neither text nor line structure: C0 and C1 controls, NUL.
_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")
_BLANK_LINES = re.compile(r"\n{3,}")
_TRAILING_SPACE = re.compile(r"[ \t]+\n")
_MAX_CONTROL_SHARE = 0.05
_MAX_FOREIGN_SHARE = 0.3
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decode(data: bytes) -> str:
    """UTF-8, UTF-16 or UTF-32 by byte order mark, else UTF-8, else Windows-1252 if it reads like text.

    Raises ParsingError(EMPTY) or ParsingError(NOT_TEXT).
    """
    if not data.strip(b" \t\r\n\f\x00"):
        raise ParsingError(Reason.EMPTY)
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if data.startswith(mark)), None)
    try:
        text = data.decode(encoding or "utf-8")
    except UnicodeDecodeError:
        text = _decode_western(data)
    if len(_CONTROL.findall(text)) > _MAX_CONTROL_SHARE * len(text):
        raise ParsingError(Reason.NOT_TEXT)
    return text


def clean(text: str) -> str:
    """Normalised (NFC) text with Unix line ends, no control or invisible characters, no runs of blank lines."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x0c", "\n\n").replace("\x85", "\n")
    text = without_invisible(_CONTROL.sub("", unicodedata.normalize("NFC", text)))
    # Lone surrogates cannot be stored.
    text = text.encode("utf-8", "ignore").decode()
    return _BLANK_LINES.sub("\n\n", _TRAILING_SPACE.sub("\n", text)).strip("\n")


def _decode_western(data: bytes) -> str:
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        raise ParsingError(Reason.NOT_TEXT) from None
    if sum(byte > 127 for byte in data) > _MAX_FOREIGN_SHARE * len(data):
        raise ParsingError(Reason.NOT_TEXT)
    return text
