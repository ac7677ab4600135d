"""The table of faults: complete in docs/operations.md, its tests where it says, and honest about what broke."""

import re
from pathlib import Path

from chatapp.runtime.files import CHECKOUT
from tests.faults.elsewhere import ELSEWHERE
from tests.faults.hurting import HURTING
from tests.faults.table import Table

FAULTS = {f"F{number:02}" for number in range(1, 41)}
MARK = re.compile(r"@pytest\.mark\.fault\(([^)]*)\)")
ROW = re.compile(r"^\| (F\d\d) [^|]*\|[^|]*\|[^|]*\|([^|]*)\|$", re.MULTILINE)
TEST = re.compile(r"`([\w/]*test_\w+\.py)`")


def brought_about() -> dict[str, set[str]]:
    """By fault: the files of this folder that bring it about."""
    found: dict[str, set[str]] = {}
    for path in Path(__file__).parent.glob("test_*.py"):
        for marks in MARK.findall(path.read_text()):
            for fault in re.findall(r"F\d\d", marks):
                found.setdefault(fault, set()).add(path.name)
    return found


def documented() -> dict[str, list[str]]:
    return {fault: TEST.findall(tested) for fault, tested in ROW.findall((CHECKOUT / "docs/operations.md").read_text())}


def test_every_fault_is_documented_with_tests_that_exist() -> None:
    assert documented().keys() == FAULTS
    for fault, tests in documented().items():
        folder = Path("tests/faults")
        for test in tests:
            folder = Path(test).parent if "/" in test else folder
            assert (CHECKOUT / folder / Path(test).name).exists(), (fault, test)


def test_what_the_suite_brings_about_is_what_the_documentation_says() -> None:
    for fault, files in brought_about().items():
        assert files <= set(documented()[fault]), fault
    assert ELSEWHERE.keys().isdisjoint(brought_about())
    assert HURTING.keys() <= FAULTS


def test_what_is_covered_elsewhere_exists() -> None:
    assert all((CHECKOUT / path).exists() for paths in ELSEWHERE.values() for path in paths)


def test_a_broken_invariant_is_named_in_the_table() -> None:
    table = Table()
    table.fail(("F01",), "test_something")
    table.rows["F02"] = type(table.rows["F01"])(tries=2, failed=["I2", "I5"])
    lines = "\n".join(table.lines())
    assert re.search(r"F01 +1 +NOT test_something", lines)
    assert re.search(r"F02 +2 +NOT I2, I5", lines)
