import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatapp.inference.engine.budget import PromptBudget, piece_of
from chatapp.inference.engine.drafts import Drafts
from chatapp.inference.engine.planner import Planner
from chatapp.inference.engine.requests import Request, Slot
from chatapp.inference.engine.stream import Stream


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
        (0.001, 0.060, 1920, 960),  # sixteen steps of answers
        (0.002, 0.060, 896, 480),
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


@pytest.mark.parametrize(
    "unread,wanted,piece",
    [
        (300, 190, 150),  # two equal pieces, not one of 190 and a stump
        (300, 260, 300),  # nearly one piece
        (4_000, 190, 191),
        (5, 128, 5),
        (129, 128, 129),
    ],
)
def test_prompts_are_read_in_equal_pieces(unread: int, wanted: int, piece: int) -> None:
    assert piece_of(unread, wanted=wanted) == piece


@given(unread=st.integers(1, 100_000), wanted=st.integers(1, 4_096))
def test_a_piece_is_never_much_longer_than_wanted(unread: int, wanted: int) -> None:
    piece = piece_of(unread, wanted=wanted)
    assert 0 < piece <= max(1, math.ceil(1.5 * wanted))
    assert -(-unread // piece) <= max(1, round(unread / wanted))
    assert piece == unread or piece >= 0.75 * wanted


@pytest.mark.parametrize("unread", [128, 192, 200, 255, 448])
def test_every_piece_that_is_cut_tells_the_speed(unread: int) -> None:
    budget = PromptBudget(batch_size=2048)
    piece = piece_of(unread, wanted=budget.tokens(answering=0))
    budget.observe(prompt_tokens=piece, seconds=piece * 0.001)
    assert budget.tokens(answering=0) == pytest.approx(2000, abs=1)


def reading(*prompts: int) -> list[Slot]:
    requests = [
        Request(tokens=[7] * tokens, scope="", stream=Stream(prompt_tokens=tokens), max_completion=9)
        for tokens in prompts
    ]
    return [Slot(sequence, request=request) for sequence, request in enumerate(requests)]


@pytest.mark.parametrize(
    "prompts,read",
    [
        ((300, 300), [150]),  # the first guess is 128 tokens: what little is left begins no second prompt
        ((20, 30, 40, 200), [20, 30, 40]),  # short ones share a step
        ((120, 9), [120]),  # 8 tokens left
        ((120, 8), [120, 8]),
    ],
)
def test_one_prompt_after_the_other(prompts: tuple[int, ...], read: list[int]) -> None:
    planner = Planner(batch_size=512, drafts=Drafts(longest=0, room=0))
    assert [len(chunk.tokens) for _slot, chunk in planner.plan(reading(*prompts))] == read
