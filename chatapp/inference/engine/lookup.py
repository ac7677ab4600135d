"""Guessing what an answer copies: its last few tokens are looked up in the prompt and in the answer so far."""

from collections.abc import Sequence

_LONGEST_KEY = 4
_SHORTEST_KEY = 2
_SMOOTHING = 0.25


class Lookup:
    """Knows the tokens of one request, and how often its guesses came true of late.

    Guesses cost nothing until they are put into a batch, so each one is compared with what the model then said, and
    drafts are made only once the guesses are good.
    """

    def __init__(self) -> None:
        self.hit_rate = 0.0
        self._followers: dict[tuple[int, ...], int] = {}
        self._known = 0
        self._guess: Sequence[int] = ()

    def guess(self, tokens: list[int], *, limit: int) -> Sequence[int]:
        """What followed the newest tokens when they last occurred: `limit` tokens, or none.

        Where that reaches the end of what is known, it goes on as if all repeated itself.
        """
        self._learn(tokens)
        self._guess = ()
        for length in range(_LONGEST_KEY, _SHORTEST_KEY - 1, -1):
            place = self._followers.get(tuple(tokens[-length:]))
            if place is not None:
                period = len(tokens) - place
                self._guess = [tokens[place + number % period] for number in range(limit)]
                break
        return self._guess

    def compare(self, number: int, token: int) -> None:
        """Learn from the token that the model chose where the newest guess has its token `number`."""
        if number < len(self._guess):
            self.hit_rate += _SMOOTHING * ((self._guess[number] == token) - self.hit_rate)

    def _learn(self, tokens: list[int]) -> None:
        # Nothing follows the newest token yet, so what ends with it is no key.
        for end in range(max(self._known, _SHORTEST_KEY), len(tokens)):
            for length in range(_SHORTEST_KEY, min(_LONGEST_KEY, end) + 1):
                self._followers[tuple(tokens[end - length : end])] = end
        self._known = len(tokens)
