from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from chatapp.console.templatetags import figures


@pytest.mark.parametrize(
    "back,words",
    [
        ({"seconds": -40}, "just now"),
        ({"seconds": 3}, "just now"),
        ({"seconds": 12}, "12 s ago"),
        ({"seconds": 61}, "1 min ago"),
        ({"minutes": 59}, "59 min ago"),
        ({"hours": 23, "minutes": 59}, "23 h ago"),
        ({"days": 1, "hours": 2}, "1 day ago"),
        ({"days": 400}, "400 days ago"),
    ],
)
def test_ago(back: dict[str, int], words: str) -> None:
    assert figures.ago(timezone.now() - timedelta(**back)) == words


@pytest.mark.parametrize(
    "value,words", [(None, figures.NOTHING), (0.0, "0.00 s"), (9.5, "9.50 s"), (12.4, "12 s"), (3600, "3,600 s")]
)
def test_seconds(value: float | None, words: str) -> None:
    assert figures.seconds(value) == words


def test_a_share_of_nothing_is_no_figure() -> None:
    assert (figures.share(0, 0), figures.share(1, 8), figures.share(0, 5)) == (figures.NOTHING, "12.5 %", "0.0 %")


@pytest.mark.parametrize("value,words", [("0.1500", "0.15"), ("2", "2.00"), ("0.0375", "0.0375"), ("1200", "1,200.00")])
def test_a_price_has_two_decimals_or_as_many_as_it_needs(value: str, words: str) -> None:
    assert figures.price(Decimal(value)) == words


@pytest.mark.parametrize("value,words", [("0", "0.00"), ("0.004", "< 0.01"), ("0.01", "0.01"), ("1234.5", "1,234.50")])
def test_money_has_two_decimals(value: str, words: str) -> None:
    assert figures.money(Decimal(value)) == words


@pytest.mark.parametrize(
    "value,words", [(0, "0.0 GB"), (19_000, "19 KB"), (98_400_000, "98.4 MB"), (1_540_000_000, "1.5 GB")]
)
def test_gigabytes(value: int, words: str) -> None:
    assert figures.gigabytes(value) == words
