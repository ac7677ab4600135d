"""Pages without text: pictures of text, read by text recognition as far as time allows."""

import pypdfium2

from chatapp.retrieval.parsing import Block, ocr
from chatapp.retrieval.parsing.budget import current_budget
from chatapp.retrieval.parsing.limits import OCR_PIXELS

_DOTS_PER_INCH = 300
_POINTS_PER_INCH = 72


class Scans:
    def __init__(self, document: pypdfium2.PdfDocument) -> None:
        self._document = document
        self._unread: list[int] = []

    def read(self, number: int) -> list[Block]:
        """The page with this number, from 1. An empty page has nothing to read."""
        page = self._document[number - 1]
        try:
            if next(page.get_objects(max_depth=2), None) is None:
                return []
            if not ocr.is_on() or not ocr.has_time() or current_budget().ocr_pages <= 0:
                self._unread.append(number)
                return []
            current_budget().ocr_pages -= 1
            scale = _DOTS_PER_INCH / _POINTS_PER_INCH
            width, height = page.get_size()
            scale = min(scale, (OCR_PIXELS / max(width * height, 1.0)) ** 0.5)
            return ocr.recognise(page.render(scale=scale, grayscale=True).to_pil(), page=number)
        finally:
            page.close()

    def notes(self) -> list[str]:
        if not self._unread:
            return []
        reason = "text recognition took too long" if ocr.is_on() else "text recognition (OCR) is off here"
        pages = ", ".join(map(str, self._unread[:20])) + (" …" if len(self._unread) > 20 else "")
        return [f"Pages without text were not read, because {reason}: {pages}."]
