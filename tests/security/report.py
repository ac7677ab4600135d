"""What a run that tried security cases says of them at its end."""

from collections.abc import Iterable

from tests.security.cases import CASES, DOES_NOT_APPLY, find_tests, ids_of


def outcomes(*, passed: Iterable[str], others: Iterable[str]) -> dict[str, bool]:
    """By case: whether it holds, which is when all its tests passed. `others` failed, broke or were skipped."""
    held: dict[str, bool] = {}
    for good, node_ids in ((True, passed), (False, others)):
        for node_id in node_ids:
            for case in ids_of(node_id.rpartition("::")[2]):
                held[case] = held.get(case, True) and good
    return held


def summarize(held: dict[str, bool]) -> str:
    """One line; empty when no case was tried."""
    if not held:
        return ""
    applying = CASES.keys() - DOES_NOT_APPLY.keys()
    absent = applying - find_tests().keys()
    parts = {
        "not held": ", ".join(sorted(case for case, good in held.items() if not good)),
        "not run": len(applying - held.keys() - absent),
        "without a test": ", ".join(sorted(absent)),
    }
    told = "".join(f"; {what}: {which}" for what, which in parts.items() if which)
    return f"Security cases: {sum(held.values())} of {len(applying)} hold, {len(DOES_NOT_APPLY)} do not apply{told}"
