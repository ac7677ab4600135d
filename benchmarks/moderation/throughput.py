"""How many prompts a second the input policy looks at, on one core and without checks that are models."""

import statistics
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.moderation.texts import read_prompts
from chatapp.demo.policy import CHECKS
from chatapp.moderation.checks.schema import build_checks
from chatapp.moderation.policy import PolicySet

CHARACTERS = 2_000
SECONDS = 5.0
BAR = 50.0


def measure_input() -> dict[str, Any]:
    """What the web process does before it accepts a message: the matchers of the demo company's policy."""
    policy, prompts = PolicySet(version="company", checks=build_checks(CHECKS)), read_prompts(CHARACTERS)
    for prompt in prompts:
        policy.check_input(prompt)
    took: list[float] = []
    until = time.perf_counter() + SECONDS
    while (began := time.perf_counter()) < until:
        policy.check_input(prompts[len(took) % len(prompts)])
        took.append(time.perf_counter() - began)
    per_second = round(1 / statistics.mean(took), 1)
    broken = [f"{per_second} prompts a second < {BAR:g}"] if per_second < BAR else []
    return {
        "characters": CHARACTERS,
        "prompts": len(prompts),
        "per_second": per_second,
        "p50_ms": round(1000 * statistics.median(took), 2),
        "p99_ms": round(1000 * statistics.quantiles(took, n=100)[98], 2),
        "broken": broken,
    }


def lines(results: dict[str, Any]) -> Iterator[str]:
    yield f"{results['per_second']} prompts of {results['characters']:,} characters a second on one core"
    yield f"p50 {results['p50_ms']} ms, p99 {results['p99_ms']} ms"
