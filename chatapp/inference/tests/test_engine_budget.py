import pytest

from chatapp.inference.engine.budget import PromptBudget


def measured(*, per_prompt_token: float, answers: float) -> PromptBudget:
    budget = PromptBudget(batch_size=2048)
    for _ in range(50):
        budget.observe(prompt_tokens=128, seconds=128 * per_prompt_token)
        budget.observe(prompt_tokens=0, seconds=answers)
    return budget


@pytest.mark.parametrize(
    "per_prompt_token,answers,alone,beside",
    [
        (0.0001, 0.010, 2048, 1920),  # a GPU: 0.2 seconds at least, as far as the batch allows
        (0.001, 0.060, 1920, 512),  # ten steps of answers
        (0.002, 0.060, 896, 256),
        (0.005, 1.000, 384, 256),  # never above 1.5 seconds
        (0.500, 0.010, 128, 128),  # never below the smallest chunk
    ],
)
def test_a_piece_of_a_prompt_takes_a_bounded_time(
    per_prompt_token: float, answers: float, alone: int, beside: int
) -> None:
    budget = measured(per_prompt_token=per_prompt_token, answers=answers)
    assert budget.tokens(answering=0) == pytest.approx(alone, abs=128)
    assert budget.tokens(answering=8) == pytest.approx(beside, abs=128)
    assert budget.tokens(answering=8) <= 2048 - 8


def test_a_few_tokens_say_nothing_of_the_speed() -> None:
    budget = PromptBudget(batch_size=512)
    budget.observe(prompt_tokens=3, seconds=3.0)
    assert budget.tokens(answering=0) == 128


def test_a_small_batch_still_has_room_for_the_answers() -> None:
    assert PromptBudget(batch_size=100).tokens(answering=16) == 84
