"""E06: how long a prompt takes tells one's own earlier prompts, and nobody else's."""

import time
from pathlib import Path
from statistics import median

import pytest

from chatapp.inference.engine import Engine
from chatapp.inference.tests.engine_probe import ENDLESS, NUMBERS, read_first, wait_until

pytestmark = pytest.mark.model
PROBES = 6
SYSTEM = "You answer from the handbook. " + NUMBERS
# Far from what noise does with a median of PROBES, and far from a hit, which is several times faster.
ALIKE = 1.5


def prompt(secret: str) -> str:
    """Some 100 tokens behind what all share, told apart by their beginning."""
    return f"{SYSTEM}{secret}. {NUMBERS * 6}"


def first_token_seconds(engine: Engine, text: str, *, scope: str) -> float:
    began = time.perf_counter()
    stream = engine.submit(text, max_tokens=1, sampling=ENDLESS, cache_scope=scope)
    read_first(stream)
    seconds = time.perf_counter() - began
    list(stream)
    return seconds


def test_e06_a_guess_of_another_persons_prompt_takes_as_long_as_a_wrong_one(model_path: Path) -> None:
    engine = Engine(model_path, slots=4, context_per_slot=512, threads=1, cache_tokens=4 * 512)
    engine.share_prefix(SYSTEM)
    wait_until(lambda: engine.stats().cached_tokens >= engine.count_tokens(SYSTEM))
    right, wrong, own = [], [], []
    for number in range(PROBES):
        secret = prompt(f"The salary of person {number} is {1000 + 37 * number}")
        first_token_seconds(engine, secret, scope="alice")
        own.append(first_token_seconds(engine, secret, scope="alice"))
        # Each probe in a scope of its own: a person's second try would find his own first one.
        right.append(first_token_seconds(engine, secret, scope=f"mallory right {number}"))
        other = prompt(f"The salary of person {number} is {5000 + 41 * number}")
        wrong.append(first_token_seconds(engine, other, scope=f"mallory wrong {number}"))
    engine.close()
    right_ms, wrong_ms, own_ms = (1000 * median(times) for times in (right, wrong, own))
    print(f"\nE06: right guess {right_ms:.0f} ms, wrong guess {wrong_ms:.0f} ms, one's own {own_ms:.0f} ms")  # noqa: T201
    assert 1 / ALIKE < right_ms / wrong_ms < ALIKE
    assert own_ms * ALIKE < wrong_ms  # The probe sees a hit where there is one.
