"""Pages without text: pictures of text, read by text recognition as far as time allows."""

from itertools import islice

import pypdfium2
import pypdfium2.raw as pdfium

from chatapp.retrieval.parsing import Block, ParsingError, Reason, ocr
from chatapp.retrieval.parsing.budget import current_budget
from chatapp.retrieval.parsing.limits import OCR_PIXELS
from chatapp.retrieval.parsing.pdf_hidden import SCAN_SHARE

_DOTS_PER_INCH = 300
_POINTS_PER_INCH = 72
_LOOKED_AT = 500


class Scans:
    def __init__(self, document: pypdfium2.PdfDocument) -> None:
        self._document = document
        self._unread: list[int] = []

    def read(self, number: int, *, is_blank: bool) -> list[Block]:
        """The page with this number, from 1, if it holds something to read; with text on it, a large picture."""
        page = self._document[number - 1]
        try:
            objects = list(islice(page.get_objects(max_depth=2), _LOOKED_AT))
            if not objects or (not is_blank and not _has_large_picture(page, objects)):
                return []
            if not ocr.is_on() or not ocr.has_time() or current_budget().ocr_pages <= 0:
                self._unread.append(number)
                return []
            current_budget().ocr_pages -= 1
            return self._recognise(page, number)
        finally:
            page.close()

    def _recognise(self, page: pypdfium2.PdfPage, number: int) -> list[Block]:
        width, height = page.get_size()
        scale = min(_DOTS_PER_INCH / _POINTS_PER_INCH, (OCR_PIXELS / max(width * height, 1.0)) ** 0.5)
        try:
            return ocr.recognise(page.render(scale=scale, grayscale=True).to_pil(), page=number)
        except ParsingError as error:
            if error.reason is not Reason.TOO_SLOW:
                raise
            self._unread.append(number)  # the other pages may be quicker
            return []

    def notes(self) -> list[str]:
        if not self._unread:
            return []
        reason = "text recognition took too long" if ocr.is_on() else "text recognition (OCR) is off here"
        pages = ", ".join(map(str, self._unread[:20])) + (" …" if len(self._unread) > 20 else "")
        return [f"Pages without text were not read, because {reason}: {pages}."]


def _has_large_picture(page: pypdfium2.PdfPage, objects: list[pypdfium2.PdfObject]) -> bool:
    width, height = page.get_size()
    for item in objects:
        if item.type == pdfium.FPDF_PAGEOBJ_IMAGE:
            left, bottom, right, top = item.get_bounds()
            if (right - left) * (top - bottom) >= SCAN_SHARE * width * height:
                return True
    return False
