"""One child that reads many files, as the parser's child reads one: a crash or a hang costs a new child.

Starting one for each of some hundred files would take minutes.
"""

import contextlib
import select
import subprocess
import sys
from pathlib import Path

from chatapp.retrieval.formats import Format
from chatapp.retrieval.parsing import Reason

SECONDS = 60
_PROGRAM = """
import sys
from pathlib import Path
from chatapp.retrieval.formats import Format
from chatapp.retrieval.parsing import limits
from chatapp.retrieval.parsing.__main__ import read_as_json
limits.CPU_SECONDS, limits.WALL_SECONDS = 600, 600
limits.apply_limits()
for line in sys.stdin:
    kind, path = line.split()
    head, *blocks = read_as_json(Format(kind), Path(path))
    text = "".join(block["text"] for block in blocks)
    print(head.get("error") or ("ready" if text.strip() else "nothing"), flush=True)
"""


class ReadingChild:
    def __init__(self, folder: Path) -> None:
        self._path = folder / "upload"
        self.crashes: list[str] = []
        self._start()

    def read(self, kind: Format, data: bytes) -> str:
        """The name of a Reason, "ready", or "nothing" for text that is none."""
        self._path.write_bytes(data)
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._child.stdin.write(f"{kind.value} {self._path}\n")
            self._child.stdin.flush()
        if not select.select([self._child.stdout], [], [], SECONDS)[0]:
            self._restart()
            return Reason.TOO_SLOW.name
        answer = self._child.stdout.readline().strip()
        if not answer:
            self.crashes.append(kind.value)
            self._restart()
            return Reason.UNREADABLE.name
        return answer

    def close(self) -> None:
        self._child.kill()
        self._child.communicate()

    def _restart(self) -> None:
        self.close()
        self._start()

    def _start(self) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={"PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(self._path.parent)},
            cwd=Path(__file__).parents[2],
        )
