"""What the terminal shows while the product is set up and runs."""

import time

_STARTED = time.monotonic()


def say(text: str) -> None:
    """One line with the seconds since the start."""
    print(f"[{time.monotonic() - _STARTED:6.1f} s] {text}", flush=True)


def echo(name: str, line: str) -> None:
    """A line that the process `name` wrote."""
    print(f"{name:>10} | {line}", flush=True)
