from math import sqrt


def wilson_interval(rate: float, size: float, *, z: float) -> tuple[float, float]:
    """Of a share of `size` independent trials, within 0 and 1, `z` standard errors wide on either side.

    Wilson, Probable Inference, the Law of Succession, and Statistical Inference, JASA 22 (1927).
    """
    middle = rate + z**2 / (2 * size)
    reach = z * sqrt(rate * (1 - rate) / size + z**2 / (4 * size**2))
    scale = 1 + z**2 / size
    return max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)
