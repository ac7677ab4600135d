"""PNG, JPEG and TIFF: what text recognition finds in them; a TIFF may have several pages."""

import warnings
from pathlib import Path

from PIL import Image, ImageSequence, UnidentifiedImageError

from chatapp.retrieval.parsing import Block, Parsed, ParsingError, Reason, ocr
from chatapp.retrieval.parsing.budget import current_budget
from chatapp.retrieval.parsing.limits import OCR_PAGES, OCR_PIXELS, PICTURE_PIXELS

_FORMATS = ("PNG", "JPEG", "TIFF")
_DAMAGED = (OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, EOFError, UnidentifiedImageError)


def parse(path: Path) -> Parsed:
    warnings.simplefilter("ignore")  # of broken metadata; size is judged here
    try:
        with Image.open(path, formats=_FORMATS) as image:
            _check_size(image)
            if not ocr.is_on():
                raise ParsingError(Reason.OCR_OFF)
            return _read(image)
    except Image.DecompressionBombError:
        raise ParsingError(Reason.TOO_LARGE) from None
    except _DAMAGED:
        raise ParsingError(Reason.DAMAGED) from None


def _read(image: Image.Image) -> Parsed:
    blocks: list[Block] = []
    frames = getattr(image, "n_frames", 1)
    current_budget().spend_pages(frames)
    read = 0
    for frame in ImageSequence.Iterator(image):
        if read and (read >= OCR_PAGES or not ocr.has_time()):
            break
        _check_size(frame)
        read += 1
        blocks += ocr.recognise(_prepared(frame), page=read)
    notes = [f"Text recognition took too long: only {read} of {frames} pages were read."] if read < frames else []
    return Parsed(blocks=blocks, pages=frames, notes=notes)


def _check_size(image: Image.Image) -> None:
    """Before a pixel is unpacked."""
    if image.width * image.height > PICTURE_PIXELS:
        raise ParsingError(Reason.TOO_LARGE)


def _prepared(frame: Image.Image) -> Image.Image:
    """Grey, on white where it is transparent, and no larger than recognition gains from."""
    if frame.mode in {"RGBA", "LA", "PA", "P"}:
        colours = frame.convert("RGBA")
        frame = Image.new("RGBA", colours.size, "white")
        frame.alpha_composite(colours)
    grey = frame.convert("L")
    if grey.width * grey.height > OCR_PIXELS:
        scale = (OCR_PIXELS / (grey.width * grey.height)) ** 0.5
        grey = grey.resize((max(1, int(grey.width * scale)), max(1, int(grey.height * scale))))
    return grey
