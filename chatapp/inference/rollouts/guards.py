"""What stops a rollout when the candidate is worse at it. Each guard is a ratio of sums over people.

How each is counted is SQL in figures.py, by the same names.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from chatapp.errors import ChatappError

GuardName = Literal["errors", "first_token", "speed", "cut", "refusals", "support", "flags", "thumbs_down"]
MAX_TOLERANCE = 10.0


@dataclass(frozen=True, slots=True)
class Guard:
    """`tolerance` is relative to the baseline's figure, `floor` in the guard's own unit: the larger one is allowed.

    `scale` is the effect that the test looks for; with `is_relative` it is relative to the baseline's figure.
    """

    name: GuardName
    label: str
    unit: Literal["share", "tokens/s"]
    worse: Literal["higher", "lower"]
    tolerance: float
    floor: float
    description: str
    scale: float = 0.15
    is_relative: bool = False

    @property
    def is_share(self) -> bool:
        return self.unit == "share"

    def margin(self, baseline: float, tolerance: float) -> float:
        """How much worse than `baseline` is still let pass. The tolerance of `first_token` is in its threshold."""
        return self.floor if self.name == "first_token" else max(self.floor, tolerance * baseline)

    def show(self, figure: float) -> str:
        return f"{figure * 100:.1f} %" if self.is_share else f"{figure:.1f} tokens/s"

    def show_difference(self, figure: float) -> str:
        return f"{abs(figure) * 100:.1f} points" if self.is_share else f"{abs(figure):.1f} tokens/s"


GUARDS: Mapping[str, Guard] = {
    guard.name: guard
    for guard in (
        Guard(
            name="errors",
            label="Errors",
            unit="share",
            worse="higher",
            tolerance=0.1,
            floor=0.01,
            description="Answers that failed, were interrupted, or had to come from a fallback.",
        ),
        Guard(
            name="first_token",
            label="Late first words",
            unit="share",
            worse="higher",
            tolerance=0.25,
            floor=0.03,
            description="Answers whose first words came later than the slowest twentieth of the baseline's, "
            "and the tolerance on top of it.",
        ),
        Guard(
            name="speed",
            label="Speed",
            unit="tokens/s",
            worse="lower",
            tolerance=0.2,
            floor=0.0,
            description="Tokens in a second of writing.",
            is_relative=True,
        ),
        Guard(
            name="cut",
            label="Empty or cut",
            unit="share",
            worse="higher",
            tolerance=0.2,
            floor=0.02,
            description="Answers without a word, or that ended at their token limit.",
        ),
        Guard(
            name="refusals",
            label="Refusals",
            unit="share",
            worse="higher",
            tolerance=0.2,
            floor=0.03,
            description="Answers that say that they cannot or will not answer.",
        ),
        Guard(
            name="support",
            label="Supported citations",
            unit="share",
            worse="lower",
            tolerance=0.1,
            floor=0.05,
            description="In answers with sources: the part of the citations that bear them out; 0 without any.",
        ),
        Guard(
            name="flags",
            label="Flags",
            unit="share",
            worse="higher",
            tolerance=0.2,
            floor=0.01,
            description="Answers that a check or a person flagged.",
        ),
        Guard(
            name="thumbs_down",
            label="Thumbs down",
            unit="share",
            worse="higher",
            tolerance=0.2,
            floor=0.01,
            description="Answers that got a thumb down.",
        ),
    )
}
DEFAULT_GUARDS: Mapping[str, dict[str, float]] = {
    name: {"tolerance": guard.tolerance} for name, guard in GUARDS.items()
}


def parse_guards(raw: object) -> dict[str, dict[str, float]]:
    """`{name: {"tolerance": 0.2}}` as a rollout keeps it; what gives no tolerance gets the usual one.

    Raises ChatappError("invalid") with a sentence.
    """
    if not isinstance(raw, Mapping) or not raw:
        raise ChatappError("invalid", detail='guards must be an object such as {"errors": {"tolerance": 0.1}}.')
    unknown = [str(name)[:40] for name in raw if name not in GUARDS]
    if unknown:
        raise ChatappError("invalid", detail=f"there is no guard {unknown[0]}; there are {', '.join(GUARDS)}.")
    return {name: {"tolerance": _tolerance(name, raw[name])} for name in GUARDS if name in raw}


def _tolerance(name: str, given: Any) -> float:
    wrong = ChatappError("invalid", detail=f"the tolerance of {name} must be a number from 0 to {MAX_TOLERANCE:g}.")
    if not isinstance(given, Mapping) or set(given) - {"tolerance"}:
        raise wrong
    tolerance = given.get("tolerance", GUARDS[name].tolerance)
    if isinstance(tolerance, bool) or not isinstance(tolerance, int | float) or not 0 <= tolerance <= MAX_TOLERANCE:
        raise wrong
    return float(tolerance)
