"""Runs a parser in a process of its own: a crash, a bomb or a hang costs one document, not the worker."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import structlog

from chatapp.retrieval.formats import Format
from chatapp.retrieval.parsing import Parsed, ParsingError, Reason
from chatapp.retrieval.parsing.limits import WALL_SECONDS

log = structlog.get_logger(__name__)
_CHECKOUT = Path(__file__).resolve().parents[3]


def parse_file(path: Path, kind: Format, *, wall_seconds: float = WALL_SECONDS) -> Parsed:
    """`path` is a generated name, never the uploader's. Raises ParsingError."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        try:
            finished = subprocess.run(
                [sys.executable, "-m", "chatapp.retrieval.parsing", kind.value, str(path)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                cwd=_CHECKOUT,
                env={"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"},  # no secret of ours reaches a parser
                timeout=wall_seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ParsingError(Reason.TOO_SLOW) from None
        output.seek(0)
        if finished.returncode == 0:
            return _result(json.load(output))
        errors.seek(0)
        log.warning("parser_failed", code=finished.returncode, error=errors.read()[-300:].decode(errors="replace"))
        raise ParsingError(_reason_of_death(finished.returncode))


def _result(answer: dict[str, Any]) -> Parsed:
    if "error" in answer:
        raise ParsingError(Reason[answer["error"]])
    return Parsed.from_dict(answer)


def _reason_of_death(code: int) -> Reason:
    """A negative code is the signal that ended the child: the limits on CPU time and output end it by theirs."""
    import signal

    if code in {-signal.SIGXCPU, -signal.SIGKILL, -signal.SIGALRM}:
        return Reason.TOO_SLOW
    return Reason.TOO_LARGE if code == -signal.SIGXFSZ else Reason.UNREADABLE
