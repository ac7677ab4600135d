"""`python -m chatapp.runtime.browser` sees to it that a browser for the tests is there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from chatapp.runtime import progress

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_browser() -> Path | None:
    """CHROMIUM if set, else what the machine has installed. Playwright is given this path: it downloads nothing."""
    for name in (os.environ.get("CHROMIUM", ""), *_NAMES):
        found = shutil.which(name) if name else None
        if found is not None:
            return Path(found)
    return None


def main() -> int:
    if find_browser() is not None:
        return 0
    apt_get = shutil.which("apt-get")
    if os.geteuid() != 0 or apt_get is None:
        sys.stderr.write("The browser tests need Chromium. Install it, or set CHROMIUM to its path.\n")
        return 1
    progress.say("Installing Chromium for the browser tests")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", "chromium"]):
        finished = subprocess.run([apt_get, "-qq", *command], env=environment, stdin=subprocess.DEVNULL, check=False)
        if finished.returncode != 0:
            return finished.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
