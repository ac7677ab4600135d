"""Log files of the child processes: bounded in size, read along, warnings and errors repeated on the terminal."""

import json
import re
import shutil
from pathlib import Path

MAX_BYTES = 10 * 1024 * 1024
_MAX_ECHOED = 10  # lines per look, so that a storm of errors does not bury the terminal
_SERIOUS = re.compile(r"\b(WARNING|ERROR|CRITICAL|FATAL|PANIC|Traceback|warning|error|critical)\b")
_OWN_QUESTION = "GET /readyz"  # the supervisor says itself what is not ready
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class LogTail:
    """Reads what is appended to `path` after this object was made."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = path.stat().st_size if path.exists() else 0

    def read_lines(self) -> list[str]:
        """Whole new lines; control characters are dropped, so that text in a log cannot steer the terminal."""
        try:
            size = self.path.stat().st_size
        except FileNotFoundError:
            return []
        if size < self._offset:  # it was trimmed
            self._offset = 0
        with self.path.open("rb") as file:
            file.seek(self._offset)
            data = file.read(size - self._offset)
        end = data.rfind(b"\n") + 1
        self._offset += end
        return [_UNPRINTABLE.sub("", line) for line in data[:end].decode(errors="replace").split("\n")[:-1]]

    def read_serious_lines(self) -> list[str]:
        found = [text for line in self.read_lines() if (text := describe_if_serious(line))]
        if len(found) > _MAX_ECHOED:
            return [*found[:_MAX_ECHOED], f"{len(found) - _MAX_ECHOED} more lines like these in {self.path}"]
        return found


def describe_if_serious(line: str) -> str | None:
    """One short line for a warning or an error, plain or as a JSON event; None for anything else."""
    if _OWN_QUESTION in line:
        return None
    if line.startswith("{"):
        try:
            event = json.loads(line)
        except ValueError:
            event = {}
        if isinstance(event, dict) and "level" in event:
            serious = event["level"] in {"warning", "error", "critical"}
            return f"{event['level']}: {str(event.get('event', ''))[:300]}" if serious else None
    return line[:300] if _SERIOUS.search(line) else None


def trim_log(path: Path, *, max_bytes: int = MAX_BYTES) -> None:
    """Keep the old text once, as `NAME.1`.

    The writers append, so truncation needs no signal to them; a line written between copy and truncation is lost.
    """
    if path.exists() and path.stat().st_size > max_bytes:
        shutil.copyfile(path, path.with_name(f"{path.name}.1"))
        path.with_name(f"{path.name}.1").chmod(0o600)
        with path.open("r+b") as file:
            file.truncate()
