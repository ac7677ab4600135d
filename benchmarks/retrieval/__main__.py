"""Measures search and ingestion: python -m benchmarks.retrieval [--collection PATH ...] [--size N,N] [--part NAME ...]

`quality` needs test collections in the layout of BEIR, given by path; it is left out without any. `scale` makes its
passages itself, `ingestion` reads files of its own; these three use a database of their own. `streams` starts a whole
product. docs/performance.md says what each figure means. Prints one JSON object last; exits with 0 when every bar
holds, else with 1.
"""

import argparse
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.retrieval.database import own_database
from benchmarks.retrieval.ingestion import measure_ingestion
from benchmarks.retrieval.quality import measure_quality
from benchmarks.retrieval.scale import measure_scale
from benchmarks.retrieval.streams import measure_stream_delay
from benchmarks.retrieval.table import broken_bars, lines

_PARTS = ("quality", "scale", "ingestion", "streams")
_CACHE = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "chatapp-benchmarks"


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.retrieval", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--collection", type=Path, action="append", default=[], metavar="PATH", help="repeatable")
    parser.add_argument("--size", type=_numbers, default=(10_000, 100_000), metavar="N,N", help="0: no scale")
    parser.add_argument("--questions", type=int, default=50, help="of each kind, for scale")
    parser.add_argument("--cache", type=Path, default=_CACHE, help="where vectors of test collections are kept")
    parser.add_argument("--part", action="append", choices=_PARTS, help="repeatable; all of them without")
    parser.add_argument("--json", action="store_true", help="print nothing but the JSON object")
    return parser.parse_args()


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split(",") if int(number))


def main() -> int:
    options = _parse()
    parts = options.part or _PARTS
    results: dict[str, Any] = {"quality": {}, "scale": {}, "ingestion": {}, "streams": {}}
    load = os.getloadavg()
    with own_database():
        for folder in options.collection if "quality" in parts else ():
            _say(folder.name)
            results["quality"][folder.name] = measure_quality(folder, cache=options.cache)
        for size in options.size if "scale" in parts else ():
            _say(f"{size:,} passages")
            results["scale"][str(size)] = measure_scale(size, questions=options.questions)
        if "ingestion" in parts:
            _say("ingestion")
            results["ingestion"] = measure_ingestion()
    if "streams" in parts:
        _say("streams")
        results["streams"] = measure_stream_delay()
    broken = list(broken_bars(results))
    if not options.json:
        print(*lines(results), *broken, sep="\n")
    about = {"date": datetime.now(UTC).date().isoformat(), "cores": os.cpu_count(), "load": [load, os.getloadavg()]}
    print(json.dumps({"benchmark": "retrieval", **about, **results, "broken": broken}))
    return 1 if broken else 0


def _say(part: str) -> None:
    print(f"{part} …", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
