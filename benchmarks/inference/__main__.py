"""Compares this engine with llama-server and llama-cpp-python's `Llama`, workload by workload, in alternating rounds.

    python -m benchmarks.inference [--json] [--model NAME] [--threads N] [--runs 5]
        [--workload chats [--chats 8]] [--systems engine llama-server]

llama-server is the one that LLAMA_SERVER names, or on PATH; without one the others are measured alone. Greedy, the
end of text is ignored, and all read their answers as streams. Prints one JSON object last. docs/performance.md says
what each figure means.
"""

import argparse
import json
import os
import platform
import re
import signal
import sys
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

from benchmarks.inference.local import Setup
from benchmarks.inference.prompts import Prompts
from benchmarks.inference.rounds import Results, Runner
from benchmarks.inference.server import find_server
from benchmarks.inference.table import lines, ratios
from benchmarks.inference.workloads import Sizes, all_workloads
from chatapp.inference.artifacts import default_directory, ensure_artifact
from chatapp.inference.catalog import ARTIFACTS, SMOLLM2_135M
from chatapp.inference.engine.cpus import default_threads

_SYSTEMS = ("engine", "engine with drafts", "llama-server", "llama-server with drafts", "llama")
_WORKLOADS = ("chats", "turns", "system", "quotes", "visitors", "long")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.inference", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print nothing but the JSON object")
    parser.add_argument("--model", choices=list(ARTIFACTS), default=SMOLLM2_135M.name)
    parser.add_argument("--threads", type=int, default=default_threads())
    parser.add_argument("--gpu-layers", type=int, default=0, help="-1 puts the whole model on the GPU")
    parser.add_argument("--runs", type=int, default=5, help="rounds of each system; the median counts")
    parser.add_argument("--workload", nargs="+", choices=_WORKLOADS, default=_WORKLOADS)
    parser.add_argument("--chats", nargs="+", type=int, default=[1, 4, 8, 16], help="how many at once")
    parser.add_argument("--systems", nargs="+", choices=_SYSTEMS, help="instead of those that each workload names")
    parser.add_argument("--draft-tokens", type=int, default=12, help="the longest guess of the systems with drafts")
    for size in fields(Sizes):
        parser.add_argument(f"--{size.name.replace('_', '-')}", type=int, default=size.default)
    return parser.parse_args()


def main() -> int:
    arguments = _parse()
    # Whoever ends this process ends the systems with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    path = ensure_artifact(ARTIFACTS[arguments.model], directory=default_directory(), report=lambda _progress: None)
    sizes = Sizes(**{size.name: getattr(arguments, size.name) for size in fields(Sizes)})
    workloads = [
        workload
        for workload in all_workloads(Prompts(path), sizes, chat_counts=arguments.chats)
        if workload.name.split()[0] in arguments.workload
    ]
    setup = Setup(
        path,
        threads=arguments.threads,
        slots=1,
        context_per_slot=1,
        draft_tokens=arguments.draft_tokens,
        gpu_layers=arguments.gpu_layers,
    )
    # OpenMP's threads of idle systems would else spin for a while, and those of the others wait; the engine sets it so.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    started, load = time.monotonic(), os.getloadavg()
    server = find_server()
    runner = Runner(setup, server=server, runs=arguments.runs, note=_note)
    results = {}
    for workload in workloads:
        systems = arguments.systems or workload.systems
        available = [system for system in systems if server or not system.startswith("llama-server")]
        results[workload.name] = runner.run(workload, available)
    if not arguments.json:
        titles = {workload.name: workload.title for workload in workloads}
        print(*lines(results, titles), sep="\n")
    about = {"model": arguments.model, "threads": arguments.threads, "runs": arguments.runs, **_machine()}
    about |= {"load_before": load, "load_after": os.getloadavg(), "seconds": round(time.monotonic() - started)}
    print(json.dumps({"benchmark": "inference", **about, "workloads": _as_json(results)}))
    return 0


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _as_json(results: dict[str, dict[str, Results]]) -> dict[str, Any]:
    return {
        name: {
            "ratio_to_llama_server": ratios(by_system),
            "systems": {
                system: {"settings": result.settings, "median": result.medians(), "rounds": result.rounds}
                for system, result in by_system.items()
            },
        }
        for name, by_system in results.items()
    }


def _machine() -> dict[str, object]:
    cpu = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    return {"cpu": cpu[1] if cpu else platform.machine(), "cores": os.cpu_count(), "system": platform.platform()}


if __name__ == "__main__":
    sys.exit(main())
