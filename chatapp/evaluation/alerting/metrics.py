"""What is watched. Each is a share of answers, so that one test serves all."""

from dataclasses import dataclass
from typing import Literal

from chatapp.evaluation.models import AlertMetric


@dataclass(frozen=True, slots=True)
class Watched:
    """`event` and `counts` are SQL over an outcome; `assumed` is the highest share that is taken for ordinary where
    little is known, `margin` the smallest rise that is worth a look. `scope`: errors are a route's, since an answer
    that a fallback gave is an error of whichever version should have given it.
    """

    event: str
    counts: str
    window_minutes: int
    assumed: float
    margin: float
    scope: Literal["route", "version"] = "version"


_OWN = "NOT is_fallback"
WATCHED: dict[AlertMetric, Watched] = {
    AlertMetric.ERRORS: Watched(
        "status IN ('failed', 'interrupted') OR is_fallback", "true", 5, 0.10, 0.05, scope="route"
    ),
    AlertMetric.EMPTY: Watched("is_cut", _OWN, 5, 0.10, 0.05),
    AlertMetric.REFUSALS: Watched("is_refusal", f"{_OWN} AND status = 'complete'", 5, 0.30, 0.10),
    AlertMetric.FLAGS: Watched("flags > 0", _OWN, 5, 0.10, 0.05),
    AlertMetric.FIRST_TOKEN: Watched(
        "first_token_seconds > late.seconds", f"{_OWN} AND first_token_seconds IS NOT NULL", 5, 0.10, 0.10
    ),
    AlertMetric.THUMBS_DOWN: Watched("thumb < 0", _OWN, 60, 0.20, 0.10),
}
# First words are late when they take half as long again as those of the slowest twentieth of the day before.
LATE = 1.5
