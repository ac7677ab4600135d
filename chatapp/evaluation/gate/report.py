"""A run as programs read it: the API and `manage.py evaluate`."""

from collections.abc import Iterable
from typing import Any

from chatapp.evaluation.gate.marks import MEASURES
from chatapp.evaluation.models import GateRun


def report_of(run: GateRun) -> dict[str, Any]:
    """`passed` is null until it is complete, and of marks that decide nothing."""
    return {
        "id": str(run.pk),
        "version": run.version.name,
        "status": run.state,
        "passed": run.passed,
        "error": run.error,
        "suites": run.suites,
        "questions": run.total,
        "asked": run.done,
        "marks": [_mark(entry) for entry in run.report],
        "load": run.figures.get("load"),
        "worker": run.worker,
        "baseline": str(run.baseline_id) if run.baseline_id else None,
        "created_at": run.created_at.isoformat(),
        "finished_at": run.finished_at.isoformat() if run.finished_at else None,
    }


def lines_of(run: GateRun) -> Iterable[str]:
    """The same for people, a line for each mark."""
    for entry in run.report:
        measure, passed = MEASURES[entry["key"]], entry["passed"]
        word = "  -  " if passed is None else "ok   " if passed else "FAIL "
        value = "not measured" if entry["value"] is None else f"{entry['value']:g}"
        wanted = (
            f", {'at least' if measure.bound == 'least' else 'at most'} {entry['limit']:g}"
            if entry["limit"] is not None
            else ""
        )
        before = f" (serving version: {entry['baseline']:g})" if entry["baseline"] is not None else ""
        yield f"{word} {measure.label}: {value}{wanted}{before}"


def _mark(entry: dict[str, Any]) -> dict[str, Any]:
    return {"name": entry["key"], **{key: entry[key] for key in ("value", "limit", "slack", "baseline", "passed")}}
