"""Brings database, demo company and static files up to date, in one process: each start of Python costs seconds.

`python -m chatapp.runtime.prepare [--demo]`
"""

import hashlib
import sys
from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from chatapp.runtime.files import CHECKOUT


def main(arguments: list[str]) -> None:
    django.setup()
    if settings.HTTPS:
        _check_settings()
    _report("Migrating the database")
    call_command("migrate", interactive=False, verbosity=1)
    _collect_static_files(Path(settings.STATIC_ROOT))
    if "--demo" in arguments:
        _report("Seeding the demo company")
        call_command("seed_demo")


def _check_settings() -> None:
    _report("Checking the settings")
    try:
        call_command("check", deploy=True, fail_level="ERROR")
    except SystemCheckError as error:
        sys.exit(str(error))


def _collect_static_files(target: Path) -> None:
    stamp = target.with_name("static.stamp")
    fingerprint = _fingerprint([CHECKOUT / "static", CHECKOUT / "constraints.txt"])
    if stamp.exists() and stamp.read_text() == fingerprint and target.exists():
        return
    _report("Collecting static files")
    call_command("collectstatic", interactive=False, clear=True, verbosity=0)
    stamp.write_text(fingerprint)


def _fingerprint(roots: list[Path]) -> str:
    """Changes with the name, size or time of any file."""
    digest = hashlib.sha256()
    for root in roots:
        for path in sorted([root, *root.rglob("*")]):
            if path.is_file():
                status = path.stat()
                digest.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _report(text: str) -> None:
    print(f"{text} …", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
