"""Text objects of a PDF page that nobody sees: not painted, transparent, tiny, outside the page, or colour on colour.

An invisible layer over a scanned page is what text recognition read there, so it is the text. Only what is certain
counts: text over a picture, a pattern or a shading is taken to be visible.
"""

import ctypes
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

from chatapp.retrieval.parsing.hidden import MIN_POINTS, WHITE, Colour, is_same

# A picture of this share of a page is a scan of it.
SCAN_SHARE = 0.5
_MAX_DEPTH = 8
_MIN_ALPHA = 13  # of 255
# Thinner filled paths are rules and borders.
_MIN_GROUND_POINTS = 3.0

Rectangle = tuple[float, float, float, float]
Matrix = tuple[float, float, float, float, float, float]
_UNMOVED: Matrix = (1, 0, 0, 1, 0, 0)


@dataclass(frozen=True, slots=True)
class _Painted:
    """A filled path or a picture; a colour that is None is not known."""

    place: Rectangle
    colour: Colour | None


def hidden_objects(page: pypdfium2.PdfPage) -> set[int]:
    """Addresses of the text objects, as FPDFText_GetTextObject gives them."""
    box = page.get_bbox()
    hidden: set[int] = set()
    unpainted: set[int] = set()
    painted: list[_Painted] = []
    pictures = 0.0
    for item, kind, matrix in _objects(page.raw, pdfium.FPDFPage_CountObjects, pdfium.FPDFPage_GetObject, _UNMOVED, 0):
        if kind == pdfium.FPDF_PAGEOBJ_TEXT:
            if pdfium.FPDFTextObj_GetTextRenderMode(item) == pdfium.FPDF_TEXTRENDERMODE_INVISIBLE:
                unpainted.add(_address(item))
            elif _is_hidden(item, matrix, box, painted):
                hidden.add(_address(item))
        elif kind in {pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_SHADING}:
            place = _place(item, matrix)
            painted.append(_Painted(place, None))
            pictures += _area(place) if kind == pdfium.FPDF_PAGEOBJ_IMAGE else 0.0
        elif kind == pdfium.FPDF_PAGEOBJ_PATH and _is_filled(item):
            place = _place(item, matrix)
            if min(place[2] - place[0], place[3] - place[1]) >= _MIN_GROUND_POINTS:
                painted.append(_Painted(place, _fill(item)[0]))
    is_scan = pictures >= SCAN_SHARE * _area(box)
    return hidden if is_scan else hidden | unpainted


def _objects(parent: Any, count: Any, get: Any, matrix: Matrix, depth: int) -> Iterator[tuple[Any, int, Matrix]]:
    """In the order of painting, those of form objects in place, each with what moves it onto the page."""
    for index in range(count(parent)):
        item = get(parent, index)
        kind = pdfium.FPDFPageObj_GetType(item)
        if kind != pdfium.FPDF_PAGEOBJ_FORM:
            yield item, kind, matrix
        elif depth < _MAX_DEPTH:
            inner = _multiply(_matrix(item), matrix)
            yield from _objects(item, pdfium.FPDFFormObj_CountObjects, pdfium.FPDFFormObj_GetObject, inner, depth + 1)


def _is_hidden(item: Any, matrix: Matrix, box: Rectangle, painted: list[_Painted]) -> bool:
    if pdfium.FPDFTextObj_GetTextRenderMode(item) == pdfium.FPDF_TEXTRENDERMODE_FILL:
        colour, alpha = _fill(item)
        if alpha < _MIN_ALPHA:
            return True
    else:
        colour = None
    if _points(item, matrix) < MIN_POINTS:
        return True
    place = _place(item, matrix)
    if place[2] <= box[0] or place[0] >= box[2] or place[3] <= box[1] or place[1] >= box[3]:
        return True
    if colour is None:
        return False
    x, y = (place[0] + place[2]) / 2, (place[1] + place[3]) / 2
    for ground in reversed(painted):
        if ground.place[0] <= x <= ground.place[2] and ground.place[1] <= y <= ground.place[3]:
            return is_same(colour, ground.colour)
    return is_same(colour, WHITE)


def _points(item: Any, matrix: Matrix) -> float:
    """The size of the font on the page; 0 where it is not told is taken for ordinary."""
    size = ctypes.c_float()
    if not pdfium.FPDFTextObj_GetFontSize(item, size) or size.value == 0:
        return 12.0
    moved = _multiply(_matrix(item), matrix)
    return abs(size.value) * math.hypot(moved[2], moved[3])


def _place(item: Any, matrix: Matrix) -> Rectangle:
    left, bottom, right, top = (ctypes.c_float() for _ in range(4))
    pdfium.FPDFPageObj_GetBounds(item, left, bottom, right, top)
    corners = [(x.value, y.value) for x in (left, right) for y in (bottom, top)]
    a, b, c, d, e, f = matrix
    xs = [a * x + c * y + e for x, y in corners]
    ys = [b * x + d * y + f for x, y in corners]
    return min(xs), min(ys), max(xs), max(ys)


def _fill(item: Any) -> tuple[Colour | None, int]:
    red, green, blue, alpha = (ctypes.c_uint() for _ in range(4))
    if not pdfium.FPDFPageObj_GetFillColor(item, red, green, blue, alpha):
        return None, 255
    return (red.value, green.value, blue.value), alpha.value


def _is_filled(item: Any) -> bool:
    mode, stroke = ctypes.c_int(), ctypes.c_int()
    return bool(pdfium.FPDFPath_GetDrawMode(item, mode, stroke)) and mode.value != 0 and _fill(item)[1] >= _MIN_ALPHA


def _matrix(item: Any) -> Matrix:
    found = pdfium.FS_MATRIX()
    if not pdfium.FPDFPageObj_GetMatrix(item, found):
        return _UNMOVED
    return found.a, found.b, found.c, found.d, found.e, found.f


def _multiply(one: Matrix, other: Matrix) -> Matrix:
    """First `one`, then `other`."""
    a, b, c, d, e, f = one
    p, q, r, s, t, u = other
    return a * p + b * r, a * q + b * s, c * p + d * r, c * q + d * s, e * p + f * r + t, e * q + f * s + u


def _area(place: Rectangle) -> float:
    return max(0.0, place[2] - place[0]) * max(0.0, place[3] - place[1])


def _address(item: Any) -> int:
    return ctypes.cast(item, ctypes.c_void_p).value or 0
