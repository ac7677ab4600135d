"""From what readers saw to figures. Times are in milliseconds."""

from collections.abc import Iterable, Sequence

import numpy as np

from benchmarks.streams.readers import Reading
from benchmarks.streams.usage import Usage

Figures = dict[str, float]


def delivery(readings: Sequence[Reading], *, offered: int) -> Figures:
    """`offered` is what the script wrote for each reader. Lag is from a token's stamp to its receipt.

    While many send at the same moment, their questions take the machine from the answers that run already; so lag is
    also told for the time after the last answer has begun.
    """
    timed = [pair for reading in readings for pair in zip(reading.received_at, reading.lags, strict=True)]
    lags = [lag for _, lag in timed]
    begun = max((reading.first_token for reading in readings), default=0.0)
    delivered = sum(reading.tokens for reading in readings)
    return {
        "refused": sum(bool(reading.refused) for reading in readings),
        "delivered_share": delivered / (offered * len(readings)),
        "lag_p50_ms": percentile(lags, 50),
        "lag_p99_ms": percentile(lags, 99),
        "lag_settled_p99_ms": percentile((lag for at, lag in timed if at > begun), 99),
    }


def beginning(readings: Sequence[Reading]) -> Figures:
    """From the post to its acknowledgement, and to the first token at the reader."""
    answered = [reading for reading in readings if reading.first_token]
    acknowledged = [1000 * (reading.acknowledged - reading.asked) for reading in readings if reading.acknowledged]
    first = [1000 * (reading.first_token - reading.asked) for reading in answered]
    return {
        "acknowledged_p50_ms": percentile(acknowledged, 50),
        "first_token_p50_ms": percentile(first, 50),
        "first_token_p95_ms": percentile(first, 95),
    }


def cpu(before: Usage, after: Usage, *, tokens: int) -> Figures:
    """CPU seconds of each role per 1,000 tokens that the script wrote."""
    by_role = {f"cpu_{role}": 1000 * (after[role] - before[role]) / tokens for role in after}
    product = sum(value for name, value in by_role.items() if name != "cpu_client")
    return {**by_role, "cpu_product": product}


def percentile(values: Iterable[float], share: float) -> float:
    """Not a number when there are none."""
    known = list(values)
    return float(np.percentile(known, share)) if known else float("nan")
