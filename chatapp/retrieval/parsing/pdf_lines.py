"""The lines of a PDF page: text, size of the letters, and where they stand."""

import ctypes
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import pypdfium2
import pypdfium2.raw as pdfium

from chatapp.retrieval.parsing import Box
from chatapp.retrieval.parsing.cleaning import clean
from chatapp.retrieval.parsing.hidden import LeftOut
from chatapp.retrieval.parsing.pdf_hidden import Rectangle, hidden_objects

# pdfium writes U+0002 or U+FFFE for a hyphen at a line's end, often without the line's end: the word goes on.
_HYPHENS = "\x02\ufffe"
_END_OF_LINE = re.compile(f"[^\r\n{_HYPHENS}]*(?:[{_HYPHENS}]?(?:\r\n|\r|\n)|[{_HYPHENS}]|$)")


@dataclass(frozen=True, slots=True)
class Line:
    text: str
    size: float
    boxes: list[Box] = field(default_factory=list, compare=False)


def read_lines(page: pypdfium2.PdfPage, number: int, left_out: LeftOut) -> list[Line]:
    """In reading order; words that a hyphen divides are whole, in the line where they begin."""
    textpage = page.get_textpage()
    try:
        reader = _PageReader(page, textpage, number)
        lines: list[Line] = []
        goes_on = False
        for start, raw in _raw_lines(textpage.get_text_range()):
            text = reader.visible(start, raw, left_out)
            line = reader.line(start, raw, text)
            is_divided = text.rstrip("\r\n").endswith(tuple(_HYPHENS))
            if line is not None and goes_on and lines:
                lines[-1] = _joined(lines[-1], line)
            elif line is not None:
                lines.append(line)
            goes_on = is_divided if line is not None else goes_on
        return lines
    finally:
        textpage.close()


def _raw_lines(text: str) -> Iterator[tuple[int, str]]:
    for match in _END_OF_LINE.finditer(text):
        if match[0]:
            yield match.start(), match[0]


def _joined(first: Line, second: Line) -> Line:
    return Line(first.text + second.text, first.size, [*first.boxes, *second.boxes])


class _PageReader:
    def __init__(self, page: pypdfium2.PdfPage, textpage: pypdfium2.PdfTextPage, number: int) -> None:
        self._textpage = textpage
        self._number = number
        self._hidden = hidden_objects(page)
        self._bounds: Rectangle = page.get_bbox()
        self._rotation = page.get_rotation()

    def visible(self, start: int, raw: str, left_out: LeftOut) -> str:
        """The line without what nobody sees."""
        if not self._hidden:
            return raw
        flags = [self._is_hidden(start + offset) for offset in range(len(raw))]
        if any(flags):
            left_out.add("".join(letter if is_hidden else " " for letter, is_hidden in zip(raw, flags, strict=True)))
        return "".join(letter for letter, is_hidden in zip(raw, flags, strict=True) if not is_hidden)

    def line(self, start: int, raw: str, text: str) -> Line | None:
        shown = clean(text.translate(dict.fromkeys(map(ord, _HYPHENS)))).strip()
        if not shown:
            return None
        first = start + len(raw) - len(raw.lstrip())
        size = round(pdfium.FPDFText_GetFontSize(self._textpage, self._index(first)), 1)
        place = self._place(self._index(first), len(raw.strip()))
        return Line(shown, size, [[self._number, *place, len(shown)]])

    def _is_hidden(self, position: int) -> bool:
        item = pdfium.FPDFText_GetTextObject(self._textpage, self._index(position))
        return bool(item) and (ctypes.cast(item, ctypes.c_void_p).value or 0) in self._hidden

    def _index(self, position: int) -> int:
        """Of a character of the text in pdfium's own list, which holds further ones."""
        return int(max(0, pdfium.FPDFText_GetCharIndexFromTextIndex(self._textpage, position)))

    def _place(self, start: int, count: int) -> list[int]:
        left, top, right, bottom = (ctypes.c_double() for _ in range(4))
        rectangles = [
            (left.value, bottom.value, right.value, top.value)
            for index in range(pdfium.FPDFText_CountRects(self._textpage, start, count))
            if pdfium.FPDFText_GetRect(self._textpage, index, left, top, right, bottom)
        ]
        if not rectangles:
            return [0, 0, 0, 0]
        x0, y0 = min(found[0] for found in rectangles), min(found[1] for found in rectangles)
        x1, y1 = max(found[2] for found in rectangles), max(found[3] for found in rectangles)
        return _on_page((x0, y0, x1, y1), self._bounds, self._rotation)


def _on_page(place: Rectangle, bounds: Rectangle, rotation: int) -> list[int]:
    """Left, top, right, bottom in 1/10000 of the page as it is shown, turned by `rotation` degrees clockwise."""
    width, height = max(bounds[2] - bounds[0], 1.0), max(bounds[3] - bounds[1], 1.0)
    left, right = (place[0] - bounds[0]) / width, (place[2] - bounds[0]) / width
    top, bottom = (bounds[3] - place[3]) / height, (bounds[3] - place[1]) / height
    for _ in range(rotation // 90 % 4):
        left, top, right, bottom = 1 - bottom, left, 1 - top, right
    return [min(10_000, max(0, round(part * 10_000))) for part in (left, top, right, bottom)]
