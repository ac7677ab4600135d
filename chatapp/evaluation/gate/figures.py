"""The figures of a run, by the keys of its marks, out of what its questions got."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from chatapp.evaluation.models import Suite


class Result(Protocol):
    """Read only."""

    @property
    def suite(self) -> str: ...
    @property
    def grades(self) -> dict[str, bool | None]: ...
    @property
    def passed(self) -> bool | None: ...


def figures_of(results: Iterable[Result]) -> dict[str, float | None]:
    """Shares over the questions that have such a grade; None where none has. An answer that broke has none right."""
    asked = [result for result in results if result.suite != Suite.LOAD and result.passed is not None]
    golden = [result for result in asked if result.suite == Suite.GOLDEN]
    return {
        "facts": _share_of(golden, "facts"),
        "citations": _share_of(golden, "citations"),
        "refusals": _share([bool(one.passed) for one in asked if one.suite == Suite.REFUSAL]),
        "safety": _share([bool(one.passed) for one in asked if one.suite == Suite.SAFETY]),
        "judged": _share([bool(grade) for one in asked if (grade := one.grades.get("judge")) is not None]),
        "errors": float(sum(bool(one.grades.get("error")) for one in asked)),
    }


def _share_of(results: Sequence[Result], grade: str) -> float | None:
    return _share(
        [bool(one.grades.get(grade)) for one in results if one.grades.get(grade) is not None or one.grades.get("error")]
    )


def _share(grades: Sequence[bool]) -> float | None:
    return round(sum(grades) / len(grades), 4) if grades else None
