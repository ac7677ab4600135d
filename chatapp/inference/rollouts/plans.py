"""What a rollout shall be, and the sentences that say why it cannot be so."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from chatapp.errors import ChatappError
from chatapp.inference.models import RolloutKind

Stage = dict[str, float | int]

DEFAULT_STAGES: Sequence[Stage] = (
    {"share": 1, "min_answers": 30, "min_minutes": 30},
    {"share": 5, "min_answers": 100, "min_minutes": 60},
    {"share": 25, "min_answers": 300, "min_minutes": 120},
    {"share": 50, "min_answers": 500, "min_minutes": 240},
    {"share": 100, "min_answers": 500, "min_minutes": 240},
)
# What a kind does that says nothing else; a shadow rollout takes no share.
STAGES_OF: Mapping[str, Sequence[Stage]] = {
    RolloutKind.CANARY: DEFAULT_STAGES,
    RolloutKind.AB: ({"share": 50, "min_answers": 500, "min_minutes": 1440},),
    RolloutKind.BLUE_GREEN: ({"share": 100, "min_answers": 200, "min_minutes": 60},),
    RolloutKind.SHADOW: (),
}
MAX_STAGES = 20
MAX_ANSWERS = 1_000_000
MAX_MINUTES = 30 * 24 * 60
LEAST_SHARE = 0.01
LEAST_ALPHA, MOST_ALPHA = 0.001, 0.5
_ALL = 100


def parse_stages(kind: str, raw: object = None) -> list[Stage]:
    """As `Rollout.stages` holds them; what a kind does by itself where `raw` is None.

    `raw` is a list of `{"share": percent, "min_answers": ..., "min_minutes": ...}`; the last two may be left out and
    are 0 then. Raises ChatappError("invalid") with a sentence.
    """
    if kind not in RolloutKind.values:
        raise ChatappError("invalid", detail=f"kind must be one of {', '.join(RolloutKind.values)}.")
    if raw is None:
        return [dict(stage) for stage in STAGES_OF[kind]]
    if not isinstance(raw, Sequence) or isinstance(raw, str) or len(raw) > MAX_STAGES:
        raise ChatappError("invalid", detail=f"stages must be a list of at most {MAX_STAGES}.")
    stages = [_parse_stage(stage) for stage in raw]
    for wrong, sentence in _problems(kind, [stage["share"] for stage in stages]):
        if wrong:
            raise ChatappError("invalid", detail=sentence)
    return stages


def check_alpha(alpha: object) -> float:
    """Raises ChatappError("invalid")."""
    if isinstance(alpha, bool) or not isinstance(alpha, int | float) or not LEAST_ALPHA <= alpha <= MOST_ALPHA:
        raise ChatappError("invalid", detail=f"alpha must be a number from {LEAST_ALPHA} to {MOST_ALPHA}.")
    return float(alpha)


def _parse_stage(raw: object) -> Stage:
    if not isinstance(raw, Mapping):
        raise ChatappError("invalid", detail="a stage must have a share, and may have min_answers and min_minutes.")
    unknown = set(raw) - {"share", "min_answers", "min_minutes"}
    if unknown:
        raise ChatappError("invalid", detail=f"a stage has no {min(map(str, unknown))[:40]}.")
    share = _number(raw, "share", LEAST_SHARE, _ALL)
    answers = _number(raw, "min_answers", 0, MAX_ANSWERS)
    if answers != int(answers):
        raise ChatappError("invalid", detail="min_answers must be a whole number.")
    return {
        "share": round(share, 2),
        "min_answers": int(answers),
        "min_minutes": _number(raw, "min_minutes", 0, MAX_MINUTES),
    }


def _number(raw: Mapping[str, Any], name: str, least: float, most: float) -> float:
    value = raw.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise ChatappError("invalid", detail=f"{name} of a stage must be a number from {least} to {most:,}.")
    return value


def _problems(kind: str, shares: Sequence[float]) -> Iterator[tuple[bool, str]]:
    if kind == RolloutKind.SHADOW:
        yield bool(shares), "a shadow rollout has no stages: its candidate answers nobody."
        return
    yield not shares, "a rollout needs at least one stage."
    yield (
        any(after <= before for before, after in pairwise(shares)),
        "shares must rise from stage to stage.",
    )
    if kind == RolloutKind.AB:
        yield len(shares) != 1 or shares[0] >= _ALL, "an A/B rollout has one stage, of less than 100 percent."
    if kind == RolloutKind.BLUE_GREEN:
        yield list(shares) != [_ALL], "a blue-green rollout has one stage, of 100 percent."
