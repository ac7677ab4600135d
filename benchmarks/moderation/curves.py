"""Curves of scores against labels."""

from collections.abc import Sequence

import numpy as np

Scores = Sequence[float]
RATES = (0.0, 0.005, 0.01, 0.02, 0.05, 0.1)


def threshold_at(look_alikes: Scores, rate: float) -> float:
    """The lowest threshold, in steps of 0.001, that at most this share of the harmless texts reaches."""
    allowed = int(rate * len(look_alikes))
    highest_refused = sorted(look_alikes, reverse=True)[allowed]
    return min(1.0, round(float(np.floor(highest_refused * 1000) + 1) / 1000, 3))


def share_at(scores: Scores, threshold: float) -> float:
    """Of them that reach the threshold: recall of bad texts, false-positive rate of harmless ones; 0 without any."""
    return round(float(np.mean(np.asarray(scores) >= threshold)), 4) if len(scores) else 0.0


def average_precision(scores: Scores, labels: Sequence[bool]) -> float:
    """The area under the precision-recall curve, as a sum of steps; equal scores make one step."""
    order = np.argsort(-np.asarray(scores), kind="stable")
    ranked, hits = np.asarray(scores)[order], np.cumsum(np.asarray(labels)[order])
    ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    precision, recall = hits[ends] / (ends + 1), hits[ends] / hits[-1]
    return round(float(np.sum(np.diff(recall, prepend=0.0) * precision)), 4)


def precision_at(scores: Scores, labels: Sequence[bool], threshold: float) -> float | None:
    reached = np.asarray(labels)[np.asarray(scores) >= threshold]
    return round(float(reached.mean()), 4) if len(reached) else None
