"""Which of two versions is smaller, and so answers faster, by what the registry knows of them."""

import re
from collections.abc import Iterable

from chatapp.inference.catalog import ARTIFACTS
from chatapp.inference.models import ModelVersion

_BYTES = {artifact.sha256: artifact.size_bytes for artifact in ARTIFACTS.values()}
_PARAMETERS = re.compile(r"(?<![\d.a-z])(\d+(?:\.\d+)?)([bm])(?![a-z\d])", re.IGNORECASE)  # "-1.5b-", "135M"
_UNITS = {"b": 1e9, "m": 1e6}


def smallest_below(version: ModelVersion, others: Iterable[ModelVersion]) -> ModelVersion | None:
    """The smallest of `others` that is smaller than `version`; None when none is known to be.

    Two versions are compared by the size of their weights' files, else by the parameters that their names tell, else
    by the price of what they write.
    """
    best = version
    for other in others:
        best = other if _is_smaller(other, best) else best
    return best if best != version else None


def _is_smaller(one: ModelVersion, other: ModelVersion) -> bool:
    pairs = zip(_sizes(one), _sizes(other), strict=True)
    known = next(((a, b) for a, b in pairs if a and b), None)
    return known is not None and known[0] < known[1]


def _sizes(version: ModelVersion) -> tuple[float, float, float]:
    """0 for what is not known."""
    named = _PARAMETERS.search(version.external_model) or _PARAMETERS.search(version.name)
    parameters = float(named[1]) * _UNITS[named[2].lower()] if named else 0.0
    return float(_BYTES.get(version.sha256, 0)), parameters, float(version.completion_price)
