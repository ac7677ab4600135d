"""The child: `python -m chatapp.retrieval.page_images PATH PAGE` writes one PNG to standard output."""

import sys
from pathlib import Path
from typing import BinaryIO

import pypdfium2

from chatapp.retrieval.page_images import PIXELS, WIDTH
from chatapp.retrieval.parsing.limits import apply_limits


def draw(path: Path, page: int, output: BinaryIO) -> None:
    with pypdfium2.PdfDocument(path) as document:
        found = document[page - 1]
        width, height = found.get_size()
        scale = min(WIDTH / width, (PIXELS / (width * height)) ** 0.5)
        bitmap = found.render(scale=scale, rev_byteorder=True, prefer_bgrx=False)
        bitmap.to_pil().convert("RGB").save(output, format="PNG", optimize=False)


def main(path: str, page: str) -> None:
    apply_limits()
    draw(Path(path), int(page), sys.stdout.buffer)


if __name__ == "__main__":
    main(*sys.argv[1:])
