"""Chat templates come inside model files from strangers.

So they are rendered by a process of their own, in Jinja's sandbox. It has half a second of processor time, little
memory and none of this process's environment, and it cannot write files. Whatever a template does, only that process
ends.
"""

import hashlib
import json
import re
import select
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from chatapp.inference.engine.errors import ChatTemplateError
from chatapp.inference.engine.types import ChatMessage

_PROGRAM = Path(__file__).with_name("template_process.py")
_MAX_TEMPLATE_CHARACTERS = 100_000
_MAX_PROMPT_BYTES = 64 << 20
# Far above the processor time that it has: other processes may need the processor too.
_WALL_SECONDS = 30.0


class ChatTemplate:
    """`control_texts` are the texts that the tokenizer reads as control tokens, such as `<|im_end|>`.

    Raises `ChatTemplateError` when the template cannot be read. Any thread may render; they take turns.
    """

    def __init__(self, source: str, *, control_texts: Sequence[str], bos: str, eos: str) -> None:
        if len(source) > _MAX_TEMPLATE_CHARACTERS:
            raise ChatTemplateError(f"The chat template is longer than {_MAX_TEMPLATE_CHARACTERS:,} characters.")
        self.sha256 = hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()
        self._source = source
        self._tokens = {"bos_token": bos, "eos_token": eos}
        alternatives = "|".join(re.escape(text) for text in sorted(control_texts, key=len, reverse=True) if text)
        self._control = re.compile(alternatives) if alternatives else None
        self._turn = threading.Lock()
        self._renderer = _Renderer(source)

    def render(self, messages: Sequence[ChatMessage]) -> str:
        """Render with the generation prompt. Control texts inside a message are broken up, so none can end its turn."""
        safe = [{"role": message["role"], "content": self._neutralize(message["content"])} for message in messages]
        with self._turn:
            if not self._renderer.is_alive():
                self._renderer = _Renderer(self._source)
            return self._renderer.ask({"messages": safe, "add_generation_prompt": True, **self._tokens})

    def close(self) -> None:
        with self._turn:
            self._renderer.stop()

    def _neutralize(self, content: str) -> str:
        if self._control is None:
            return content
        return self._control.sub(lambda match: f"{match[0][0]} {match[0][1:]}", content)


class _Renderer:
    """The other process. It ends when its input does, so at the latest with this one."""

    def __init__(self, source: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(_PROGRAM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
        )
        self.stop = weakref.finalize(self, _stop, self._process)
        self.ask(source)

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, request: object) -> str:
        try:
            line = _exchange(self._process, json.dumps(request).encode() + b"\n")
            answer: dict[str, str] = json.loads(line)
        except (OSError, ValueError) as error:
            self.stop()
            raise ChatTemplateError("The chat template takes too much time or memory.") from error
        if "error" in answer:
            raise ChatTemplateError(f"The chat template failed: {answer['error']}")
        return answer["text"]


def _exchange(process: subprocess.Popen[bytes], request: bytes) -> bytes:
    """Raises OSError when the process is gone or silent for too long, ValueError when it says too much."""
    source, target = process.stdout, process.stdin
    if source is None or target is None:
        raise BrokenPipeError
    target.write(request)
    target.flush()
    return _read_line(source, until=time.monotonic() + _WALL_SECONDS)


def _read_line(source: IO[bytes], *, until: float) -> bytes:
    waiting = select.poll()
    waiting.register(source, select.POLLIN)
    pieces: list[bytes] = []
    size = 0
    while not pieces or not pieces[-1].endswith(b"\n"):
        if not waiting.poll(max(0.0, until - time.monotonic()) * 1000):
            raise TimeoutError
        piece = source.read1(1 << 20)  # type: ignore[attr-defined]  # a pipe is a BufferedReader
        size += len(piece)
        if not piece:
            raise BrokenPipeError
        if size > _MAX_PROMPT_BYTES:
            raise ValueError("the prompt is too long")
        pieces.append(piece)
    return b"".join(pieces)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    # Closes the pipes, and waits.
    process.communicate()
