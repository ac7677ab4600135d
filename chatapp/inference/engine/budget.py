import math

_FIRST_GUESS_TOKENS = 128
# A batch of 32 tokens costs a quarter more a token than one of 128, and that one no more than one of 512.
SMALLEST_CHUNK = 128
# What `piece_of` makes of a prompt that it cuts is never shorter than three quarters of what is wanted.
_SMALLEST_PIECE = SMALLEST_CHUNK * 3 // 4
_SECONDS_ALONE = 2.0
# Beside answers: long enough that the answers' own part makes a prompt take a sixteenth longer, within limits.
_STEPS_OF_ANSWERS = 16
_SHORTEST_SECONDS_BESIDE_ANSWERS = 0.2
_LONGEST_SECONDS_BESIDE_ANSWERS = 1.5
_SMOOTHING = 0.3


class PromptBudget:
    """How many prompt tokens one step may read, so that no step takes long, whatever machine and model.

    Beside running answers a step is a gap in each of them, but each of many short steps would read one more token of
    every answer before the prompt's own first token comes. Alone, a cancel or a newcomer still waits for its end.
    """

    def __init__(self, *, batch_size: int) -> None:
        self.batch_size = batch_size
        self._seconds_per_token: float | None = None
        self._seconds_of_answers = 0.0

    def tokens(self, *, answering: int) -> int:
        wanted = _FIRST_GUESS_TOKENS
        if self._seconds_per_token is not None:
            seconds = self._seconds_beside_answers() if answering else _SECONDS_ALONE
            wanted = int(seconds / self._seconds_per_token)
        return min(max(wanted, SMALLEST_CHUNK), self.batch_size - answering)

    def observe(self, *, prompt_tokens: int, seconds: float) -> None:
        if not prompt_tokens:
            self._seconds_of_answers += _SMOOTHING * (seconds - self._seconds_of_answers)
        elif prompt_tokens >= _SMALLEST_PIECE:
            measured = seconds / prompt_tokens
            before = self._seconds_per_token or measured
            self._seconds_per_token = before + _SMOOTHING * (measured - before)

    def _seconds_beside_answers(self) -> float:
        seconds = _STEPS_OF_ANSWERS * self._seconds_of_answers
        return min(_LONGEST_SECONDS_BESIDE_ANSWERS, max(_SHORTEST_SECONDS_BESIDE_ANSWERS, seconds))


def piece_of(unread: int, *, wanted: int) -> int:
    """How much of a prompt to read at once: equal pieces near `wanted`, half as much again at most, no stump last."""
    return math.ceil(unread / max(1, round(unread / wanted)))
