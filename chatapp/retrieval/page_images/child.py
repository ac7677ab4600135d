"""Draws in a process of its own, with the limits of the parser: a hostile page costs one picture, not the worker."""

import subprocess
import sys
import tempfile
from pathlib import Path

import structlog

from chatapp.retrieval.page_images import IMAGE_BYTES

WALL_SECONDS = 8  # Less than a page waits.
_PNG = b"\x89PNG\r\n\x1a\n"
_CHECKOUT = Path(__file__).resolve().parents[3]
log = structlog.get_logger(__name__)


def draw_file(path: Path, page: int, *, wall_seconds: float = WALL_SECONDS) -> bytes | None:
    """The page as PNG; None when it cannot be drawn. `path` is a generated name."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        try:
            finished = subprocess.run(
                [sys.executable, "-m", "chatapp.retrieval.page_images", str(path), str(page)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                cwd=_CHECKOUT,
                env={"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"},  # no secret of ours reaches it
                timeout=wall_seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            log.warning("page_not_drawn", reason="timeout")
            return None
        output.seek(0)
        image = output.read(IMAGE_BYTES + 1)
        if finished.returncode == 0 and image.startswith(_PNG) and len(image) <= IMAGE_BYTES:
            return image
        errors.seek(0)
        reason = errors.read()[-300:].decode(errors="replace")
        log.warning("page_not_drawn", code=finished.returncode, size=len(image), reason=reason)
        return None
