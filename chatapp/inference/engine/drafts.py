"""Which guessed tokens go into a batch to be checked there, beside the answers' own."""

import math
from collections.abc import Sequence

from chatapp.inference.engine.requests import Request

_FORGETTING = 0.98
_UNKNOWN_PRICE = 0.5
# Nothing is quite free or quite sure.
_LOWEST_PRICE = 0.01
_HIGHEST_RATE = 0.99


class Drafts:
    """`longest` is the longest guess for one answer, 0 for none; `room` how many guessed tokens a batch may hold.

    What checking a guess costs, `price`, is measured unless it is given; see `draft_length`.
    """

    def __init__(self, *, longest: int, room: int, price: float | None = None) -> None:
        self._longest = longest
        self._room = room
        self._price = price
        self._cost = _StepCost()

    def plan(self, answering: Sequence[Request]) -> list[Sequence[int]]:
        """For each answer the tokens that are worth checking: their guesses come true often enough for their price."""
        if not self._longest:
            return [()] * len(answering)
        room = self._room
        price = self._cost.price_of_draft(answering=len(answering)) if self._price is None else self._price
        plans = []
        for request in answering:
            guess = request.lookup.guess(request.tokens, limit=self._longest)
            # The token after the last draft is the model's own.
            most = min(room, request.max_completion - request.stream.completion_tokens - 1)
            plans.append(guess[: min(most, draft_length(request.lookup.hit_rate, price=price))])
            room -= len(plans[-1])
        return plans

    def observe(self, *, tokens: int, seconds: float) -> None:
        """Learn from a step that read no prompt."""
        if self._longest:
            self._cost.observe(tokens=tokens, seconds=seconds)


def draft_length(hit_rate: float, *, price: float) -> int:
    """How many tokens are worth guessing ahead. Token n comes true with `hit_rate` to the power of n.

    `price` is what a further token of a batch costs, as a part of what a token of an answer costs.
    """
    if hit_rate <= price:
        return 0
    return int(math.log(max(price, _LOWEST_PRICE)) / math.log(min(hit_rate, _HIGHEST_RATE)))


class _StepCost:
    """How long a step takes: so much in any case, and so much for each token. Fitted to the newest ones."""

    def __init__(self) -> None:
        self._weight = self._tokens = self._tokens_squared = self._seconds = self._product = 0.0

    def observe(self, *, tokens: int, seconds: float) -> None:
        keep = _FORGETTING
        self._weight = keep * self._weight + 1
        self._tokens = keep * self._tokens + tokens
        self._tokens_squared = keep * self._tokens_squared + tokens * tokens
        self._seconds = keep * self._seconds + seconds
        self._product = keep * self._product + tokens * seconds

    def price_of_draft(self, *, answering: int) -> float:
        """What one more token costs a step of `answering` tokens, as a part of what each of these costs; 0 to 1."""
        spread = self._weight * self._tokens_squared - self._tokens**2
        if spread <= self._weight:
            return _UNKNOWN_PRICE
        each = (self._weight * self._product - self._tokens * self._seconds) / spread
        once = (self._seconds - each * self._tokens) / self._weight
        whole = once + each * answering
        return min(1.0, max(0.0, each * answering / whole)) if whole > 0 else 1.0
