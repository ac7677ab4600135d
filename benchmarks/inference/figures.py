"""From arrivals of text to figures. Times are in milliseconds, rates per second."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import mean

import numpy as np

from benchmarks.inference.chats import Answered

Figures = dict[str, float]

_WORDS_OF_A_QUOTATION = 6


def throughput(answers: Sequence[Answered]) -> Figures:
    """Over the whole round, reading of prompts included."""
    begin = min(answer.asked for answer in answers)
    end = max(answer.pieces[-1] for answer in answers)
    return {"tokens_per_second": sum(answer.tokens for answer in answers) / (end - begin)}


def first_token(answers: Sequence[Answered]) -> Figures:
    times = [1000 * (answer.pieces[0] - answer.asked) for answer in answers]
    return {"ttft_p50_ms": float(np.percentile(times, 50)), "ttft_p95_ms": float(np.percentile(times, 95))}


def between_tokens(answers: Sequence[Answered], *, since: float = 0.0, until: float = float("inf")) -> Figures:
    """Gaps within answers that end in the given time."""
    gaps = [
        1000 * (after - before)
        for answer in answers
        for before, after in pairwise(answer.pieces)
        if since < after <= until
    ]
    return {"gap_p99_ms": float(np.percentile(gaps, 99)), "gap_max_ms": max(gaps)}


def quoted_share(answers: Sequence[Answered]) -> Figures:
    """The part of the answers' words that stands in the prompt in the same order, six words or more in a row."""
    return {"quoted_share": mean(_share(answer) for answer in answers)}


def _share(answer: Answered) -> float:
    words = answer.text.split()
    source = f" {' '.join(answer.prompt.split())} "
    quoted = set[int]()
    for start in range(len(words) - _WORDS_OF_A_QUOTATION + 1):
        run = words[start : start + _WORDS_OF_A_QUOTATION]
        if f" {' '.join(run)} " in source:
            quoted.update(range(start, start + len(run)))
    return len(quoted) / max(1, len(words))
