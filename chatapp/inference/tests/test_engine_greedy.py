"""Greedy answers beside those of llama-cpp-python's own `Llama`, token by token, alone and in a full batch."""

from collections.abc import Iterator
from contextlib import closing

import numpy as np
import pytest

from chatapp.inference.artifacts import default_directory, ensure_artifact
from chatapp.inference.catalog import SMOLLM2_135M
from chatapp.inference.engine import Engine, EngineOptions
from chatapp.inference.engine.native import llama_cpp

pytestmark = pytest.mark.model

CONTEXT = 512
ANSWER_TOKENS = 60
LINE = "The river rises in the hills, passes four old mills and a stone bridge, and ends in a wide grey bay. "
COPY = f"Read this line:\n{LINE}\nThe same line again:\n{LINE}\nThe same line again:\n"
STORY = "Once upon a time a quiet clerk"
PROMPTS = [COPY, f"{STORY}\n{LINE}\n{LINE}", STORY, COPY + LINE[:40]]
# llama.cpp computes one row and many rows of a matrix by different code on some processors, so the last bits of a
# logit depend on the batch. Where two tokens are that close, either one is the greedy answer; 0.1 was seen.
TIE = 0.5


class Reference:
    """The model by itself: it reads a whole answer at once and says how far each token is from the best."""

    def __init__(self) -> None:
        path = ensure_artifact(SMOLLM2_135M, directory=default_directory(), report=lambda _progress: None)
        self.path = path
        self._llama = llama_cpp.Llama(str(path), n_ctx=CONTEXT, logits_all=True, n_threads=1, verbose=False)

    def close(self) -> None:
        self._llama.close()

    def distances(self, tokens: list[int], *, prompt_tokens: int) -> list[float]:
        self._llama.reset()
        self._llama.eval(tokens)
        before = range(prompt_tokens - 1, len(tokens) - 1)
        scores = [self._llama.scores[position] for position in before]
        return [
            float(np.max(score) - score[tokens[position + 1]]) for position, score in zip(before, scores, strict=True)
        ]


@pytest.fixture(scope="module")
def reference() -> Iterator[Reference]:
    with closing(Reference()) as reference:
        yield reference


@pytest.fixture(scope="module", params=[0, 8], ids=["plain", "drafts"])
def engine(request: pytest.FixtureRequest, reference: Reference) -> Iterator[Engine]:
    options = EngineOptions(draft_tokens=request.param)
    with closing(Engine(reference.path, slots=4, context_per_slot=CONTEXT, threads=1, options=options)) as engine:
        # So that what is checked does not depend on the speed of the machine.
        engine._scheduler._planner._drafts._price = 0.1
        yield engine
        assert bool(engine.stats().accepted_tokens) == bool(request.param)


def answers(engine: Engine, prompts: list[str]) -> list[tuple[list[int], int]]:
    """The tokens of prompt and answer, and how many are the prompt's."""
    sampling = {"temperature": 0, "ignore_eos": True}
    streams = [
        engine.submit(prompt, max_tokens=ANSWER_TOKENS, sampling=sampling, cache_scope=prompt) for prompt in prompts
    ]
    for stream in streams:
        assert "".join(stream)
        assert stream.usage.completion_tokens == ANSWER_TOKENS
    tokens = {slot.scope: slot.cached for slot in engine._scheduler.slots}
    return [(tokens[prompt], stream.usage.prompt_tokens) for prompt, stream in zip(prompts, streams, strict=True)]


@pytest.mark.parametrize("at_once", [1, 4])
def test_each_token_is_the_one_that_llama_itself_finds_best(engine: Engine, reference: Reference, at_once: int) -> None:
    for start in range(0, len(PROMPTS), at_once):
        for tokens, prompt_tokens in answers(engine, PROMPTS[start : start + at_once]):
            assert len(tokens) >= prompt_tokens + ANSWER_TOKENS - 1
            distances = reference.distances(tokens, prompt_tokens=prompt_tokens)
            assert max(distances) < TIE
            # Ties are rare: nearly all tokens are the best by any count.
            assert distances.count(0.0) >= 0.8 * len(distances)
