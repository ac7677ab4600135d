"""The scheduler against a scripted backend that watches the KV cache as llama.cpp would.

`FUZZ_EXAMPLES=2000 pytest chatapp/inference/tests/test_engine_fuzz.py` tries longer than a test run should.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from chatapp.inference.engine.backend import Outcome
from chatapp.inference.engine.drafts import Drafts
from chatapp.inference.engine.errors import EngineError
from chatapp.inference.engine.requests import Request
from chatapp.inference.engine.sampling import Sampling
from chatapp.inference.engine.scheduler import Scheduler
from chatapp.inference.engine.slots import Slots
from chatapp.inference.engine.stream import Stream
from chatapp.inference.engine.text import AnswerText
from chatapp.inference.tests.scripted_backend import PIECES, Script, ScriptedBackend, text_of

CONTEXT = 48
PREFIXES = 2
# Prompts begin alike, so that there is something to reuse.
COMMON = [1, 2, 4, 3, 1, 4, 2, 2, 1, 3, 4, 4, 1, 2, 3, 5, 6, 1, 4, 2, 7, 8, 1, 2]


def cut(text: str, stop: Sequence[str]) -> str:
    found = [(start + len(item), start) for item in stop if (start := text.find(item)) >= 0]
    return text[: min(found)[1]] if found else text


def shared_length(first: Sequence[int], second: Sequence[int]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False)))


@dataclass
class Asked:
    """A request, and what must come of it."""

    request: Request
    prompt: list[int]
    stop: Sequence[str]
    answer: list[int]
    endangered: bool = False

    def check(self) -> None:
        stream = self.request.stream
        pieces: list[str] = []
        try:
            pieces.extend(stream)
        except EngineError:
            assert stream.finish_reason == "error"
            assert self.endangered or self.request.deadline < float("inf")
        shown, whole = "".join(pieces), text_of(self.answer)
        full_answer = stream.finish_reason == "stop" or len(self.request.tokens) == len(self.prompt + self.answer)
        if full_answer:
            assert shown == cut(whole, self.stop)
        else:
            assert stream.finish_reason == "error" or stream.cancelled or self.request.deadline < float("inf")
            assert whole.startswith(shown)
            assert cut(shown, self.stop) == shown
        written = self.request.tokens[len(self.prompt) :]
        assert written == self.answer[: len(written)]
        assert stream.completion_tokens == len(written)
        assert stream.reused_tokens < len(self.prompt)


class Conversations(RuleBasedStateMachine):
    """Any number of people who ask, give up and are failed by the machine, in any order."""

    @initialize(
        answers=st.integers(1, 3),
        batch_size=st.sampled_from([8, 24, 64]),
        spare_cells=st.sampled_from([0, 10, 200]),
        can_rewind=st.booleans(),
        draft_tokens=st.sampled_from([0, 1, 5]),
        script=st.builds(Script, memory=st.sampled_from([2, 1000]), seed=st.integers(0, 255)),
    )
    def start(
        self, answers: int, batch_size: int, spare_cells: int, can_rewind: bool, draft_tokens: int, script: Script
    ) -> None:
        self.now = 0.0
        self.broken = False
        self.asked: list[Asked] = []
        self.backend = ScriptedBackend(script, CONTEXT + spare_cells, batch_size, can_rewind, self._owner_of)
        self.slots = Slots(self.backend, count=answers, can_rewind=can_rewind)
        self.scheduler = Scheduler(
            self.backend,
            self.backend,
            self.slots,
            batch_size=batch_size,
            drafts=Drafts(longest=draft_tokens if can_rewind else 0, room=batch_size // 2, price=0),
            clock=lambda: self.now,
        )
        self.prefixes_left = PREFIXES
        self.public: list[list[int]] = []

    def _owner_of(self, sequence: int) -> str:
        request = list(self.slots)[sequence].request
        assert request
        return request.scope

    @rule(
        common=st.integers(0, len(COMMON)),
        own=st.lists(st.integers(1, len(PIECES) - 1), min_size=1, max_size=12),
        scope=st.sampled_from(["alice", "bob", ""]),
        max_tokens=st.integers(1, 20),
        stop=st.lists(st.text("ab é🎉", min_size=1, max_size=4), max_size=2),
        ignore_eos=st.booleans(),
        temperature=st.sampled_from([0.0, 0.7]),
        time_limit=st.sampled_from([float("inf"), float("inf"), 3.0, 10.0]),
    )
    def ask(
        self,
        common: int,
        own: list[int],
        scope: str,
        max_tokens: int,
        stop: list[str],
        ignore_eos: bool,
        temperature: float,
        time_limit: float,
    ) -> None:
        prompt = COMMON[:common] + own
        limit = min(max_tokens, CONTEXT - len(prompt))
        answer = self.backend.script.answer(prompt, limit=limit, ignore_eos=ignore_eos)
        request = Request(
            tokens=list(prompt),
            scope=scope,
            stream=Stream(prompt_tokens=len(prompt)),
            max_completion=limit,
            sampling=Sampling(temperature=temperature, ignore_eos=ignore_eos),
            text=AnswerText(stop),
            deadline=self.now + time_limit,
        )
        self.asked.append(Asked(request, prompt, stop, answer))
        self.scheduler.add(request)

    @precondition(lambda self: self.prefixes_left)
    @rule(length=st.integers(1, len(COMMON) // PREFIXES))
    def share_prefix(self, length: int) -> None:
        self.prefixes_left -= 1
        self.public.append(COMMON[:length])
        stream = Stream(prompt_tokens=length)
        self.scheduler.add(Request(tokens=COMMON[:length], scope="", stream=stream, is_prefix=True))

    @precondition(lambda self: self.asked)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self.asked)).request.stream.cancel()

    @rule(fault=st.sampled_from([Outcome.CACHE_FULL, Outcome.FAILED]), after=st.integers(0, 3))
    def break_a_batch(self, fault: Outcome, after: int) -> None:
        self.backend.faults = [Outcome.DONE] * after + [fault]

    @rule()
    def spoil_a_choice(self) -> None:
        self.backend.spoils_choice = True

    @rule(count=st.integers(1, 12))
    def run_steps(self, count: int) -> None:
        for _ in range(count):
            self._step()

    def _step(self) -> None:
        self.now += 1
        if self.backend.spoils_choice or any(fault is not Outcome.DONE for fault in self.backend.faults):
            self._endanger_all()
        if self.broken or not self.scheduler.has_work():
            return
        try:
            report = self.scheduler.step()
        except EngineError:
            self.broken = True
            self._endanger_all()
            self.scheduler.end_all("error", error=EngineError("The engine failed."))
        else:
            # An engine with work that finds none to do would spin for ever.
            assert report or not self.scheduler.has_work()
        self.what_is_cached_is_known_and_stays_in_its_scope()

    def _endanger_all(self) -> None:
        for asked in self.asked:
            asked.endangered = asked.endangered or asked.request.stream.finish_reason is None

    @invariant()
    def what_is_cached_is_known_and_stays_in_its_scope(self) -> None:
        if self.broken:
            return
        for slot in self.slots:
            assert slot.cached == self.backend.tokens(slot.sequence)
            assert slot.request is None or slot.scope == slot.request.scope
            # What was declared public may come from anybody, but nothing beyond it.
            public = max((shared_length(text, slot.cached) for text in self.public), default=0)
            private = self.backend.sequences.get(slot.sequence, [])[public:]
            assert {cell.owner for cell in private} <= {slot.scope}

    def teardown(self) -> None:
        work = sum(len(asked.prompt) + len(asked.answer) + 1 for asked in self.asked)
        for _ in range(20 + 4 * work):
            self._step()
        assert not self.scheduler.has_work()
        assert all(slot.request is None for slot in self.slots)
        assert all(sampler.freed for sampler in self.backend.samplers)
        for asked in self.asked:
            asked.check()


def everybody_is_answered(prompts: Sequence[list[int]], *, answers: int, prefixes: Sequence[int] = ()) -> None:
    state = Conversations()
    state.start(
        answers=answers, batch_size=64, spare_cells=0, can_rewind=True, draft_tokens=0, script=Script(memory=2, seed=0)
    )
    for length in prefixes:
        state.share_prefix(length=length)
    for number, prompt in enumerate(prompts):
        state.ask(
            common=0,
            own=prompt,
            scope=str(number),
            max_tokens=CONTEXT,
            stop=[],
            ignore_eos=True,
            temperature=0.0,
            time_limit=float("inf"),
        )
    state.teardown()


def test_prompts_that_fit_only_one_after_the_other_are_both_answered() -> None:
    everybody_is_answered([[1] * 25, [2] * 25], answers=2)


def test_an_answer_may_take_the_room_of_idle_prefixes() -> None:
    everybody_is_answered([[1] * 25], answers=1, prefixes=[8, 12])


TestConversations = Conversations.TestCase
TestConversations.settings = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "60")),
    stateful_step_count=30,
    deadline=None,  # the machine may be busy
    suppress_health_check=[HealthCheck.too_slow],
)
