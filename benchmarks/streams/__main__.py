"""Measures live streams on a product of its own: python -m benchmarks.streams [--quick] [--json] [PART ...]

The scripted model writes 30 tokens a second into each answer, so what is measured is everything but a model. The
readers share the machine with the product; their own CPU time is told apart. People without documents ask, so no
search is in the figures. Prints one JSON object last. docs/performance.md says what each figure means.
"""

import argparse
import json
import os
import platform
import re
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.streams.parts import PARTS, Sizes
from benchmarks.streams.product import running
from benchmarks.streams.table import lines

_QUICK = Sizes(streams=(10, 50), seconds=8, singles=10, sockets=50)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.streams", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all when none is named")
    parser.add_argument("--json", action="store_true", help="print nothing but the JSON object")
    parser.add_argument("--quick", action="store_true", help="fewer streams and shorter answers: two minutes")
    parser.add_argument("--streams", type=_numbers, metavar="N,N", help="how many at once, instead of 10,50,200,500")
    parser.add_argument("--seconds", type=int, help="how long an answer takes")
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    return arguments


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split(","))


def main() -> int:
    arguments = _parse()
    # Whoever ends this process ends the product with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sizes = _sizes(arguments)
    started, load = time.monotonic(), os.getloadavg()
    most = max(*sizes.streams, 64)
    results = {}
    with running(people=max(most, sizes.sockets), slots=most) as product:
        PARTS["first"](product, Sizes(singles=5))  # Whatever is made at the first question is made now.
        for part in arguments.parts or PARTS:
            print(f"{part} …", file=sys.stderr, flush=True)
            results[part] = PARTS[part](product, sizes)
    about = {"date": datetime.now(UTC).date().isoformat(), **_machine(), "load_before": load}
    about |= {"load_after": os.getloadavg(), "seconds": round(time.monotonic() - started)}
    if not arguments.json:
        print(*lines(results), sep="\n")
    print(json.dumps({"benchmark": "streams", **about, "parts": results}))
    return 0


def _sizes(arguments: argparse.Namespace) -> Sizes:
    base = _QUICK if arguments.quick else Sizes()
    return Sizes(
        streams=arguments.streams or base.streams,
        seconds=arguments.seconds or base.seconds,
        singles=base.singles,
        sockets=base.sockets,
    )


def _machine() -> dict[str, object]:
    cpu = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    return {"cpu": cpu[1] if cpu else platform.machine(), "cores": os.cpu_count(), "system": platform.platform()}


if __name__ == "__main__":
    sys.exit(main())
