"""What the suite prints at its end: fault, tries, invariants held."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.faults import invariants
from tests.faults.elsewhere import ELSEWHERE
from tests.faults.scene import Scene

CHECKS: dict[str, Callable[[Scene], None]] = {
    "I1": invariants.i1_stored_once,
    "I2": invariants.i2_one_whole_answer,
    "I3": invariants.i3_nothing_overdue,
    "I4": invariants.i4_page_equals_database,
    "I5": invariants.i5_nothing_seen_is_lost,
    "I6": invariants.i6_everything_is_given_back,
    "I7": invariants.i7_only_the_owner,
    "I8": invariants.i8_a_plain_word,
    "I10": invariants.i10_the_next_message_works,
}
ALL_HELD = "I1-I10"


@dataclass
class Row:
    tries: int = 0
    failed: list[str] = field(default_factory=list)
    uncounted: bool = False  # I9 has nothing to say of a fault that the product cannot tell from use.

    def describe(self) -> str:
        if self.failed:
            return f"NOT {', '.join(self.failed)}"
        return f"{ALL_HELD} without I9" if self.uncounted else ALL_HELD


class Table:
    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.notes: list[str] = []

    def prove(self, scene: Scene, faults: tuple[str, ...], counted: tuple[str, ...]) -> None:
        """Asserts every invariant, all of them even when one does not hold, and writes down which did."""
        assert scene.proves_something, "the invariants would hold of nothing"
        broken: dict[str, AssertionError] = {}
        for name, check in {**CHECKS, "I9": lambda scene: invariants.i9_counted(scene, *counted)}.items():
            try:
                check(scene)
            except AssertionError as error:
                broken[name] = error
        for fault in faults:
            row = self.rows.setdefault(fault, Row())
            row.tries += 1
            row.failed += [name for name in broken if name not in row.failed]
            row.uncounted = row.uncounted or not counted
        if broken:
            raise ExceptionGroup(f"broken: {', '.join(broken)}", list(broken.values()))

    def fail(self, faults: tuple[str, ...], test: str) -> None:
        """The test ended before its invariants could be looked at."""
        for fault in faults:
            row = self.rows.setdefault(fault, Row())
            if not row.failed:
                row.tries += 1
                row.failed.append(test)

    def lines(self) -> list[str]:
        wide = max(len(fault) for fault in self.rows)
        here = [(fault, f"{row.tries:5}  {row.describe()}") for fault, row in self.rows.items()]
        there = [(fault, f"    -  see {', '.join(paths)}") for fault, paths in ELSEWHERE.items()]
        told = [f"{fault:{wide}}  {what}" for fault, what in sorted([*here, *there])]
        return [f"{'fault':{wide}}  tries  invariants held", *told, *self.notes]
