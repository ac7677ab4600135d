"""`python -m chatapp.inference.artifacts [names…]` fetches the known models, or those named.

The small files that checks of policies use come along. Without a network the product starts without them, and these
checks follow their fail rule.
"""

import argparse
import sys
import time
from pathlib import Path

from chatapp.inference.artifacts import ArtifactError, Progress, default_directory, ensure_artifact
from chatapp.inference.catalog import ARTIFACTS, CHECK_FILES

_SECONDS_BETWEEN_LINES = 2.0


class ProgressLines:
    """Prints a line whenever the stage or source changes, and about every two seconds between."""

    def __init__(self) -> None:
        self._last_step: tuple[str, str, str] | None = None
        self._last_time = 0.0

    def __call__(self, progress: Progress) -> None:
        step = (progress.name, progress.stage, progress.source)
        now = time.monotonic()
        if step == self._last_step and now - self._last_time < _SECONDS_BETWEEN_LINES:
            return
        self._last_step, self._last_time = step, now
        share = 100 * progress.done_bytes // max(1, progress.total_bytes)
        line = f"{progress.name}: {progress.stage}"
        if progress.stage != "ready":
            line += f" {share:3d} % of {progress.total_bytes / 1e6:.0f} MB · {progress.source}"
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def main() -> int:
    known = ARTIFACTS | CHECK_FILES
    parser = argparse.ArgumentParser(prog="python -m chatapp.inference.artifacts", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"one of: {', '.join(known)}")
    parser.add_argument("--directory", type=Path, default=default_directory())
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in known]
    if unknown:
        parser.error(f"unknown model {', '.join(unknown)}; known: {', '.join(known)}")
    wanted = arguments.names or [*ARTIFACTS]
    for name in dict.fromkeys([*wanted, *CHECK_FILES]):
        try:
            ensure_artifact(known[name], directory=arguments.directory, report=ProgressLines())
        except ArtifactError as error:
            sys.stderr.write(f"{error}\n")
            if name in wanted:
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
