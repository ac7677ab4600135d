"""`make soak`: random faults under load for SOAK_MINUTES; the table of the suite, and what leaked (F40)."""

import os
import random
import time
from typing import Any

import pytest

from tests.faults.hurting import HURTING
from tests.faults.leaks import Figures, compare, measure
from tests.faults.load import Load
from tests.faults.scene import Scene
from tests.faults.table import Table

MINUTES = float(os.environ.get("SOAK_MINUTES", "0"))
SEED = int(os.environ.get("SOAK_SEED", "0")) or random.SystemRandom().randrange(1, 1_000_000)
MAX_GROWTH_MB = 150
MAX_MORE_FILES = 40
BEFORE_FAULT_SECONDS = 4.0

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(MINUTES * 60 + 1200),
    pytest.mark.skipif(not MINUTES, reason="it takes its time: `make soak`"),
]


def test_random_faults_under_load_lose_nothing_and_leak_nothing(scene: Scene, table: Table) -> None:
    dice = random.Random(SEED)
    end = time.monotonic() + MINUTES * 60
    endure(scene, table, "F01", dice)  # Warms up: what is made once is no leak.
    before = measure(scene)
    first: dict[tuple[str, int], tuple[int, int]] = dict(before.processes)
    after = before
    while time.monotonic() < end:
        fault = dice.choice(sorted(HURTING))
        endure(scene, table, fault, dice)
        after = measure(scene)
        first = after.processes | first
    table.notes += [f"Soak: seed {SEED}, {MINUTES:g} minutes", *compare(first, before, after)]
    judge(first, after)


def endure(scene: Scene, table: Table, fault: str, dice: random.Random) -> None:
    """One fault under load, then rest, then all invariants."""
    loads = [Load(person, seed=dice.randrange(1_000_000)) for person in (scene.alice, scene.bob)]
    time.sleep(BEFORE_FAULT_SECONDS)
    try:
        HURTING[fault](scene)
    finally:
        for load in loads:
            load.rest()
    scene.stack.wait_ready(120)
    table.prove(scene, (fault, "F40"), ())
    scene.end()
    scene.begin()


def judge(first: dict[tuple[str, int], tuple[int, int]], after: Figures) -> None:
    for process, (memory, files) in after.processes.items():
        assert (memory - first[process][0]) / 1024 < MAX_GROWTH_MB, process
        assert files - first[process][1] < MAX_MORE_FILES, process
    shared: dict[str, Any] = after.shared
    assert (shared["live answers"], shared["busy slots"]) == (0, 0)
