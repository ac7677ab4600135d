"""Measures moderation: python -m benchmarks.moderation [--part NAME ...] [--personal PATH]
       [--injection PATH --toxicity PATH --documents PATH]

A part whose data is not given is left out; docs/performance.md says what each figure means. Prints one JSON object
last; exits with 0 when every bar holds, else with 1.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.retrieval.database import own_database


@dataclass(frozen=True, slots=True)
class Part:
    """`measure` of the module gives figures with a list "broken", its `lines` make a table of them.

    `needs` are options; their values are what `measure` is called with.
    """

    module: str
    measure: str
    needs: tuple[str, ...] = ()


PARTS = {
    "streaming": Part("streaming", "measure_streaming"),
    "input": Part("throughput", "measure_input"),
    "claims": Part("claims", "measure_claims"),
    "personal": Part("personal", "measure_personal", ("personal",)),
    "classifiers": Part("classifiers", "measure_classifiers", ("injection", "toxicity", "documents")),
}


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.moderation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--part", action="append", choices=PARTS, help="repeatable; all of them without")
    parser.add_argument("--personal", type=Path, metavar="PATH", help="a set in the layout of presidio-research")
    parser.add_argument("--injection", type=Path, metavar="PATH", help="folder of S-Labs' prompt-injection-dataset")
    parser.add_argument("--toxicity", type=Path, metavar="PATH", help="OpenAI's samples-1680.jsonl.gz")
    parser.add_argument("--documents", type=Path, metavar="PATH", help="a folder of Markdown, such as 18F/handbook")
    parser.add_argument("--json", action="store_true", help="print nothing but the JSON object")
    return parser.parse_args()


def main() -> int:
    options = _parse()
    load, results = os.getloadavg(), dict[str, Any]()
    with own_database():
        for name in options.part or PARTS:
            part = PARTS[name]
            values = [getattr(options, need) for need in part.needs]
            if None in values:
                _say(f"{name} is left out: it needs --{' and --'.join(part.needs)}")
                continue
            _say(f"{name} …")
            module = import_module(f"benchmarks.moderation.{part.module}")
            measure: Callable[..., dict[str, Any]] = getattr(module, part.measure)
            results[name] = measure(*values)
            if not options.json:
                print(*module.lines(results[name]), *results[name]["broken"], sep="\n")
    about = {"date": datetime.now(UTC).date().isoformat(), "cores": os.cpu_count(), "load": [load, os.getloadavg()]}
    print(json.dumps({"benchmark": "moderation", **about, **results}))
    return 1 if any(found["broken"] for found in results.values()) else 0


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
