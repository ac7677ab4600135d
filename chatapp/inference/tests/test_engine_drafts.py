"""Speculation: what is guessed, when it is worth it, and that a real model's answers stay the same."""

from collections.abc import Iterator

import pytest

from chatapp.inference.artifacts import default_directory, ensure_artifact
from chatapp.inference.catalog import SMOLLM2_135M
from chatapp.inference.engine import Engine, EngineOptions, Stream
from chatapp.inference.engine.drafts import Drafts, draft_length
from chatapp.inference.engine.lookup import Lookup
from chatapp.inference.engine.requests import Request

CONTEXT = 512
LINE = "The river rises in the hills, passes four old mills and a stone bridge, and ends in a wide grey bay. "
PROMPT = f"Read this line:\n{LINE}\nThe same line again:\n{LINE}\nThe same line again:\n"


def test_a_guess_is_what_followed_the_newest_tokens_last() -> None:
    lookup = Lookup()
    assert list(lookup.guess([1, 2, 3, 9, 1, 2, 4, 5, 1, 2], limit=3)) == [4, 5, 1]
    # Three known tokens say more than two.
    assert list(lookup.guess([1, 2, 3, 9, 1, 2, 4, 5, 1, 2, 3], limit=8)) == [9, 1, 2, 4, 5, 1, 2, 3]
    assert list(lookup.guess([1, 2, 3, 9, 1, 2, 4, 5, 1, 2, 3, 7], limit=8)) == []
    assert list(Lookup().guess([7], limit=8)) == []


def test_guesses_are_judged_though_nobody_pays_for_them() -> None:
    lookup = Lookup()
    tokens = [1, 2, 3, 4, 5, 6, 7, 8] * 3
    for token in (1, 2, 3, 4, 5, 6, 7, 8):
        assert list(lookup.guess(tokens, limit=1)) == [token]
        lookup.compare(0, token)
        tokens.append(token)
    good = lookup.hit_rate
    assert good > 0.85
    lookup.guess(tokens, limit=1)
    lookup.compare(0, 99)
    assert lookup.hit_rate < good
    lookup.compare(5, 99)  # no guess went so far
    assert lookup.hit_rate == pytest.approx(0.75 * good)


def test_drafts_are_as_long_as_their_price_allows() -> None:
    assert [draft_length(0.9, price=price) for price in (1.0, 0.9, 0.8, 0.5, 0.1)] == [0, 0, 2, 6, 21]
    assert draft_length(0.0, price=0.0) == 0
    assert draft_length(1.0, price=0.0) > 100


def answering(*, left: int = 100) -> Request:
    request = Request(tokens=[1, 2, 3, 4] * 20, scope="", stream=Stream(prompt_tokens=80), max_completion=left)
    request.lookup.hit_rate = 0.95
    return request


def test_a_batch_holds_no_more_drafts_than_there_is_room_and_answer_left() -> None:
    drafts = Drafts(longest=8, room=10, price=0)
    assert [list(plan) for plan in drafts.plan([answering(left=4), answering(), answering()])] == [
        [1, 2, 3],
        [1, 2, 3, 4, 1, 2, 3],
        [],
    ]
    assert [list(plan) for plan in Drafts(longest=0, room=10).plan([answering()])] == [[]]


@pytest.mark.parametrize("each,drafted", [(0.0, 8), (0.02, 0)])
def test_the_price_of_a_draft_is_learnt_from_the_steps(each: float, drafted: int) -> None:
    drafts = Drafts(longest=8, room=8)
    for tokens in (1, 5, 2, 8) * 5:
        drafts.observe(tokens=tokens, seconds=0.001 + each * tokens)
    [plan] = drafts.plan([answering()])
    assert len(plan) == drafted


@pytest.fixture(scope="module")
def engines() -> Iterator[tuple[Engine, Engine]]:
    path = ensure_artifact(SMOLLM2_135M, directory=default_directory(), report=lambda _progress: None)
    plain = Engine(path, slots=4, context_per_slot=CONTEXT, threads=1)
    drafting = Engine(path, slots=4, context_per_slot=CONTEXT, threads=1, options=EngineOptions(draft_tokens=8))
    # So that what is checked does not depend on the speed of the machine.
    drafting._scheduler._planner._drafts._price = 0.1
    yield plain, drafting
    plain.close()
    drafting.close()


def answer(engine: Engine, prompt: str, *, scope: str, **options: object) -> tuple[str, str | None, int]:
    sampling = {"temperature": 0, "ignore_eos": True, **dict(options.pop("sampling", {}))}  # type: ignore[call-overload]
    settings = {"max_tokens": 60, "cache_scope": scope, **options}
    stream = engine.submit(prompt, sampling=sampling, **settings)  # type: ignore[arg-type]
    return "".join(stream), stream.finish_reason, stream.usage.completion_tokens


@pytest.mark.model
def test_drafts_change_no_answer_wherever_it_ends(engines: tuple[Engine, Engine]) -> None:
    plain, drafting = engines
    cases: list[dict[str, object]] = [{"max_tokens": count} for count in (1, 2, 30, 31, 32, 33, 60)]
    cases += [{"stop": [stop]} for stop in ("mills", "stone bri", "and ends in", "bay. ")]
    cases += [{"sampling": {"ignore_eos": False}, "max_tokens": 200}]
    cases += [{"sampling": {"temperature": 0.8, "seed": 7}}, {"sampling": {"frequency_penalty": 0.3}}]
    for number, case in enumerate(cases):
        scope = str(number)
        assert answer(drafting, PROMPT, scope=scope, **case) == answer(plain, PROMPT, scope=scope, **case)
    stats = drafting.stats()
    assert stats.accepted_tokens > 100
    assert stats.drafted_tokens > stats.accepted_tokens
    # What was refused is gone from the cache: a second turn continues on what is true.
    turn = PROMPT + answer(plain, PROMPT, scope="turns")[0] + "\nAnd what comes then?"
    answer(drafting, PROMPT, scope="turns")
    assert answer(drafting, turn, scope="turns") == answer(plain, turn, scope="turns")
    assert plain.stats().drafted_tokens == 0
