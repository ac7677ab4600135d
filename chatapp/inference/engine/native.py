"""The only importer of llama_cpp: something must be said to OpenMP before it is loaded, and its log is read here."""

import ctypes
import logging
import os
from collections import deque
from typing import Any

# OpenMP reads this once. Its threads would else spin at every barrier, which on a machine that does anything besides
# makes a step ten times longer. Set it to "active" where the cores are the engine's alone.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import llama_cpp
from llama_cpp._ggml import libggml

_logger = logging.getLogger("chatapp.inference.llama")
# ggml's numbers: debug, info, warning, error. Its info is of no use while all goes well.
_LOG_LEVELS = {1: logging.DEBUG, 2: logging.DEBUG, 3: logging.WARNING, 4: logging.ERROR}
_ERROR = 4
_recent_errors: deque[str] = deque(maxlen=3)


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]  # ctypes has no types for callbacks
def _log(level: int, text: bytes | None, _data: Any) -> None:
    line = (text or b"").decode("utf-8", "replace").strip()
    if level in _LOG_LEVELS and line:
        _logger.log(_LOG_LEVELS[level], "%s", line)
        if level == _ERROR:
            _recent_errors.append(line)


def start_backend() -> None:
    """May be called as often as one likes."""
    llama_cpp.llama_log_set(_log, ctypes.c_void_p(0))
    llama_cpp.llama_backend_init()
    _recent_errors.clear()


def explain_failure() -> str:
    """What llama.cpp said of its newest failure, as the end of a sentence: its functions return only null."""
    return f": {'; '.join(_recent_errors)}" if _recent_errors else "."


__all__ = ["explain_failure", "libggml", "llama_cpp", "start_backend"]
