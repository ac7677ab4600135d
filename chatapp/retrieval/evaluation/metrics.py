"""Measures of one ranked list, for binary relevance. `ranks` has the rank of each relevant item, None if not found.

Manning, Raghavan, Schütze, Introduction to Information Retrieval (2008), chapter 8; nDCG as in Järvelin, Kekäläinen,
Cumulated gain-based evaluation of IR techniques (2002), with the discount 1 / log2(rank + 1).
"""

from collections.abc import Sequence
from math import log2

Ranks = Sequence[int | None]


def recall(ranks: Ranks, *, k: int) -> float:
    """The share of what is relevant that stands among the first `k`. Raises ValueError when nothing is relevant."""
    _require(ranks)
    return len(_within(ranks, k)) / len(ranks)


def reciprocal_rank(ranks: Ranks, *, k: int) -> float:
    """1 / the rank of the first relevant item, 0 when none is among the first `k`; its mean is MRR."""
    _require(ranks)
    return 1 / min(_within(ranks, k), default=float("inf"))


def ndcg(ranks: Ranks, *, k: int) -> float:
    """1 when all that is relevant comes first. Two relevant facts in one passage are one relevant passage."""
    _require(ranks)
    found = {rank for rank in ranks if rank is not None}
    relevant = len(found) + sum(rank is None for rank in ranks)
    gained = sum(1 / log2(rank + 1) for rank in found if rank <= k)
    return gained / sum(1 / log2(rank + 1) for rank in range(1, min(relevant, k) + 1))


def _within(ranks: Ranks, k: int) -> list[int]:
    return [rank for rank in ranks if rank is not None and rank <= k]


def _require(ranks: Ranks) -> None:
    if not ranks:
        raise ValueError("Nothing is relevant: there is nothing to measure.")
