"""Text recognition by Tesseract, where the parent process names its binary; it runs under the child's own limits."""

import csv
import os
import subprocess
import sys
import tempfile
import time
from itertools import groupby
from pathlib import Path

from PIL import Image

from chatapp.retrieval.parsing import Block, BlockKind, ParsingError, Reason
from chatapp.retrieval.parsing.cleaning import clean
from chatapp.retrieval.parsing.limits import OCR_LANGUAGES, OCR_PAGE_SECONDS, OCR_SECONDS, TESSERACT

# Per cent that Tesseract gives a word; below are mostly lines and stains taken for letters.
_MIN_CONFIDENCE = 30.0
_STARTED = time.monotonic()


def is_on() -> bool:
    return TESSERACT in os.environ


def has_time() -> bool:
    """The child lives for one upload."""
    return time.monotonic() - _STARTED < OCR_SECONDS


def recognise(picture: Image.Image, *, page: int | None) -> list[Block]:
    """Paragraphs with the boxes of their lines. Raises ParsingError: TOO_SLOW, UNREADABLE."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "page.png"
        picture.save(source, compress_level=1)
        command = [os.environ[TESSERACT], str(source), "stdout", "-l", os.environ[OCR_LANGUAGES], "tsv"]
        try:
            finished = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env={**os.environ, "OMP_THREAD_LIMIT": "1"},
                timeout=OCR_PAGE_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ParsingError(Reason.TOO_SLOW) from None
    if finished.returncode:
        sys.stderr.buffer.write(finished.stderr)
        raise ParsingError(Reason.UNREADABLE)
    return _blocks(finished.stdout.decode(errors="replace"), picture.size, page)


def _blocks(table: str, size: tuple[int, int], page: int | None) -> list[Block]:
    """Tesseract's table has a row for each word, numbered by block, paragraph and line."""
    words = [
        row
        for row in csv.DictReader(table.split("\n"), delimiter="\t", quoting=csv.QUOTE_NONE)
        if row["level"] == "5" and float(row["conf"]) >= _MIN_CONFIDENCE and clean(row["text"] or "").strip()
    ]
    blocks = []
    for _, paragraph in groupby(words, key=lambda word: (word["block_num"], word["par_num"])):
        lines = [list(line) for _, line in groupby(paragraph, key=lambda word: word["line_num"])]
        texts = [" ".join(clean(word["text"]).strip() for word in line) for line in lines]
        boxes = [[page or 1, *_box(line, size), len(text) + 1] for line, text in zip(lines, texts, strict=True)]
        boxes[-1][-1] -= 1
        blocks.append(Block(BlockKind.TEXT, " ".join(texts), page=page, boxes=boxes))
    return blocks


def _box(words: list[dict[str, str]], size: tuple[int, int]) -> list[int]:
    left = min(int(word["left"]) for word in words)
    top = min(int(word["top"]) for word in words)
    right = max(int(word["left"]) + int(word["width"]) for word in words)
    bottom = max(int(word["top"]) + int(word["height"]) for word in words)
    width, height = size
    return [left * 10_000 // width, top * 10_000 // height, right * 10_000 // width, bottom * 10_000 // height]
