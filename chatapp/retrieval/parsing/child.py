"""Runs a parser in a process of its own: a crash, a bomb or a hang costs one document, not the worker."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings

from chatapp.retrieval.formats import Format
from chatapp.retrieval.parsing import Block, BlockKind, Parsed, ParsingError, Reason
from chatapp.retrieval.parsing.limits import OCR_LANGUAGES, TESSERACT, WALL_SECONDS

log = structlog.get_logger(__name__)
_CHECKOUT = Path(__file__).resolve().parents[3]


@contextlib.contextmanager
def parsing(
    path: Path, kind: Format, *, wall_seconds: float = WALL_SECONDS
) -> Iterator[tuple[Parsed, Iterator[Block]]]:
    """What the file says as a whole, and its blocks one by one: this process holds one at a time.

    `path` is a generated name, never the uploader's. Raises ParsingError before any block is given.
    """
    with (
        tempfile.TemporaryFile() as output,
        tempfile.TemporaryFile() as errors,
        tempfile.TemporaryDirectory() as scratch,
    ):
        code = _run(
            [sys.executable, "-m", "chatapp.retrieval.parsing", kind.value, str(path)],
            environment=_environment(scratch),
            output=output,
            errors=errors,
            seconds=wall_seconds,
        )
        output.seek(0)
        errors.seek(0)
        if error := errors.read()[-300:].decode(errors="replace"):
            log.warning("parser_failed", code=code, error=error)
        if code != 0:
            raise ParsingError(_reason_of_death(code))
        yield _head(json.loads(output.readline())), map(_block, output)


def _run(command: list[str], *, environment: dict[str, str], output: Any, errors: Any, seconds: float) -> int:
    """The exit code. The child leads a group of its own, so that what it started ends with it."""
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=errors,
        cwd=_CHECKOUT,
        env=environment,
        start_new_session=True,
    )
    # With autogroups (sched(7)) the nice value that it inherited would count within its own session only.
    with contextlib.suppress(OSError):
        Path(f"/proc/{child.pid}/autogroup").write_text(str(os.getpriority(os.PRIO_PROCESS, 0)))
    try:
        return child.wait(seconds)
    except subprocess.TimeoutExpired:
        raise ParsingError(Reason.TOO_SLOW) from None
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _environment(scratch: str) -> dict[str, str]:
    """No secret of ours reaches a parser. What it unpacks lies in a folder that goes with it, however it ends."""
    own = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1", "TMPDIR": scratch}
    tesseract = shutil.which("tesseract") if settings.OCR != "off" else None
    if tesseract is None:
        return own
    data = {name: os.environ[name] for name in ("TESSDATA_PREFIX",) if name in os.environ}
    return {**own, **data, TESSERACT: tesseract, OCR_LANGUAGES: "+".join(settings.OCR_LANGUAGES)}


def _head(answer: dict[str, Any]) -> Parsed:
    if "error" in answer:
        raise ParsingError(Reason[answer["error"]])
    return Parsed(**answer)


def _block(line: bytes) -> Block:
    block = json.loads(line)
    return Block(**{**block, "kind": BlockKind(block["kind"])})


def _reason_of_death(code: int) -> Reason:
    """A negative code is the signal that ended the child: the limits on CPU time and output end it by theirs."""
    if code in {-signal.SIGXCPU, -signal.SIGKILL, -signal.SIGALRM}:
        return Reason.TOO_SLOW
    return Reason.TOO_LARGE if code == -signal.SIGXFSZ else Reason.UNREADABLE
