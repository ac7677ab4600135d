"""What tests of the engine with the real small model share."""

import time
from collections.abc import Callable

from chatapp.inference.engine import (
    Engine,
    Stream,
)

CONTEXT = 512
GREEDY = {"temperature": 0}
ENDLESS = {"temperature": 0, "ignore_eos": True}
NUMBERS = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_idle(engine: Engine) -> bool:
    stats = engine.stats()
    return (stats.slots_busy, stats.waiting) == (0, 0)


def read_first(stream: Stream) -> str:
    piece = stream.next_piece(60)
    assert piece
    return piece


def is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def long_prompt(engine: Engine, tokens: int, word: str = " apple") -> str:
    prompt = word * tokens
    assert engine.count_tokens(prompt) >= tokens * 0.9
    return prompt
