"""The engine with a real model of 135 million parameters: its answers are of no use, its mechanics are real."""

import threading
from pathlib import Path

import pytest

from chatapp.inference.engine import (
    ChatMessage,
    Engine,
    PromptTooLongError,
    RequestError,
    StepReport,
)
from chatapp.inference.engine.text import AnswerText
from chatapp.inference.tests.engine_probe import (
    CONTEXT,
    ENDLESS,
    GREEDY,
    NUMBERS,
    is_idle,
    is_text,
    long_prompt,
    read_first,
    wait_until,
)

pytestmark = pytest.mark.model


def test_greedy_answers_are_the_same_alone_and_among_others(engine: Engine) -> None:
    prompts = [f"{NUMBERS}one two three four five six seven {start}" for start in ("eight", "eight nine")] * 4
    alone = ["".join(engine.submit(prompt, max_tokens=12, sampling=GREEDY, cache_scope="")) for prompt in prompts[:2]]
    streams = [
        engine.submit(prompt, max_tokens=12, sampling=GREEDY, cache_scope=str(number))
        for number, prompt in enumerate(prompts)
    ]
    assert ["".join(stream) for stream in streams] == alone * 4
    assert "nine one two three" in alone[0]


def test_a_seed_makes_a_sampled_answer_repeatable(engine: Engine) -> None:
    def answer(seed: int, scope: str) -> str:
        sampling = {"temperature": 1.5, "top_p": 0.95, "min_p": 0.01, "presence_penalty": 0.5, "seed": seed}
        return "".join(engine.submit("Once upon a time", max_tokens=16, sampling=sampling, cache_scope=scope))

    # Each in its own scope: what is computed in one piece or continued differs in the last bits.
    assert answer(1, "a") == answer(1, "b")
    assert answer(1, "c") != answer(2, "d")


def test_twelve_requests_share_four_slots(engine: Engine) -> None:
    streams = [engine.submit(f"Story {number}:", max_tokens=10, sampling=ENDLESS) for number in range(12)]
    for stream in streams:
        assert "".join(stream)
        assert stream.finish_reason == "length"
        assert stream.usage.completion_tokens == 10


def test_a_running_answer_goes_on_while_a_long_prompt_is_read(model_path: Path) -> None:
    reports: list[StepReport] = []
    engine = Engine(model_path, slots=2, context_per_slot=CONTEXT, threads=1, on_step=reports.append)
    running = engine.submit("Once", max_tokens=400, sampling=ENDLESS)
    read_first(running)
    list(engine.submit(long_prompt(engine, 400), max_tokens=1, sampling=GREEDY))
    running.cancel()
    list(running)
    engine.close()
    chunks = [report for report in reports[1:] if report.prompt_tokens]
    assert len(chunks) > 1
    assert all(report.batch_tokens == report.prompt_tokens + 1 for report in chunks)


def test_cancel_while_waiting(engine: Engine) -> None:
    running = [engine.submit("Once", max_tokens=400, sampling=ENDLESS) for _ in range(4)]
    for stream in running:
        read_first(stream)
    waiting = engine.submit("Never read", max_tokens=10)
    waiting.cancel()
    assert list(waiting) == []
    assert waiting.finish_reason == "cancelled"
    assert engine.stats().slots_busy == 4
    for stream in running:
        stream.cancel()


def test_cancel_while_the_prompt_is_read(model_path: Path) -> None:
    read_something = threading.Event()
    engine = Engine(model_path, slots=1, context_per_slot=2048, threads=1, on_step=lambda _report: read_something.set())
    stream = engine.submit(long_prompt(engine, 1900), max_tokens=10)
    assert read_something.wait(60)
    stream.cancel()
    assert list(stream) == []
    assert stream.finish_reason == "cancelled"
    assert 0 < stream.progress < 1900
    assert is_idle(engine)
    engine.close()


def test_cancel_while_answering_keeps_the_text_so_far(engine: Engine) -> None:
    stream = engine.submit("Once", max_tokens=400, sampling=ENDLESS)
    text = read_first(stream)
    stream.cancel()
    stream.cancel()
    text += "".join(stream)
    assert text
    assert stream.finish_reason == "cancelled"
    assert 0 < stream.usage.completion_tokens < 400


def test_a_stop_string_across_tokens_ends_the_answer(engine: Engine) -> None:
    prompt = NUMBERS + "one two three four five six seven eight"
    full = "".join(engine.submit(prompt, max_tokens=12, sampling=GREEDY))
    assert "nine one" in full
    stream = engine.submit(prompt, max_tokens=12, sampling=GREEDY, stop=["e one t"])
    assert "".join(stream) == full.partition("e one t")[0]
    assert stream.finish_reason == "stop"


def test_a_character_of_several_tokens_arrives_whole(engine: Engine) -> None:
    text = "🦆 naïve 日本語"
    pieces = [engine._model.piece(token) for token in engine._model.tokenize(text)]
    assert any(not is_text(piece) for piece in pieces)
    answer = AnswerText()
    shown = [answer.push(piece) for piece in pieces]
    assert "".join(shown) == text
    assert "\ufffd" not in "".join(shown)


def test_max_tokens_is_cut_to_what_the_context_leaves(engine: Engine) -> None:
    tokens = engine._model.tokenize(long_prompt(engine, CONTEXT))[: CONTEXT - 5]
    stream = engine.submit(tokens, max_tokens=1000, sampling=ENDLESS)
    list(stream)
    assert stream.usage.completion_tokens == 5
    assert stream.finish_reason == "length"


def test_a_prompt_over_the_context_is_refused_with_both_numbers(engine: Engine) -> None:
    with pytest.raises(PromptTooLongError) as caught:
        engine.submit([5] * 600, max_tokens=1)
    assert (caught.value.tokens, caught.value.limit) == (600, CONTEXT - 1)
    assert "600" in str(caught.value)
    assert "511" in caught.value.message


def test_a_huge_prompt_is_refused_before_it_is_tokenized(engine: Engine) -> None:
    with pytest.raises(PromptTooLongError):
        engine.submit("x" * 50_000_000, max_tokens=1)


@pytest.mark.parametrize("prompt", ["", [], [10_000_000], [-1]])
def test_an_impossible_prompt_is_refused(engine: Engine, prompt: str | list[int]) -> None:
    with pytest.raises(RequestError):
        engine.submit(prompt, max_tokens=1)


def test_text_with_nul_and_lone_surrogates_is_taken(engine: Engine) -> None:
    assert engine.submit("a\x00b\ud800", max_tokens=1, sampling=ENDLESS).usage.prompt_tokens > 2


def test_a_second_turn_reads_only_its_new_tokens(engine: Engine) -> None:
    first = engine.submit(NUMBERS, max_tokens=8, sampling=ENDLESS, cache_scope="alice")
    text = NUMBERS + "".join(first)
    second = engine.submit(f"{text} and then", max_tokens=4, sampling=ENDLESS, cache_scope="alice")
    list(second)
    assert second.usage.reused_tokens >= first.usage.prompt_tokens
    assert second.usage.prompt_tokens - second.usage.reused_tokens <= 4


def test_a_follow_up_in_the_models_template_reads_only_its_new_tokens(engine: Engine) -> None:
    messages: list[ChatMessage] = [{"role": "user", "content": "Name three colours."}]
    first = engine.chat(messages, max_tokens=24, sampling=GREEDY, cache_scope="follow-up")
    answer = "".join(first)
    messages += [{"role": "assistant", "content": answer}, {"role": "user", "content": "And three more?"}]
    second = engine.chat(messages, max_tokens=1, sampling=GREEDY, cache_scope="follow-up")
    list(second)
    # The newest token of an answer was not read yet.
    assert second.usage.reused_tokens >= first.usage.prompt_tokens + first.usage.completion_tokens - 1
    assert second.usage.prompt_tokens - second.usage.reused_tokens < 20


def test_e06_computed_tokens_never_cross_scopes(engine: Engine) -> None:
    prompt = "The secret of alice is: " + NUMBERS
    for scope in ("alice", "alice"):
        own = engine.submit(prompt, max_tokens=2, sampling=ENDLESS, cache_scope=scope)
        list(own)
    assert own.usage.reused_tokens > 0
    for scope in ("mallory", ""):
        foreign = engine.submit(prompt, max_tokens=2, sampling=ENDLESS, cache_scope=scope)
        list(foreign)
        assert foreign.usage.reused_tokens == 0


def test_e06_a_public_prefix_is_shared_by_all_scopes_but_nothing_beyond_it(model_path: Path) -> None:
    engine = Engine(model_path, slots=2, context_per_slot=CONTEXT, threads=1)
    system = "You answer from the handbook. " + NUMBERS
    engine.share_prefix(system)
    engine.share_prefix(system)
    wait_until(lambda: engine.stats().cached_tokens >= engine.count_tokens(system))
    for scope in ("alice", "bob", "mallory"):
        stream = engine.submit(f"{system}My salary is 100.", max_tokens=4, sampling=ENDLESS, cache_scope=scope)
        list(stream)
        assert engine.count_tokens(system) - 1 <= stream.usage.reused_tokens <= engine.count_tokens(system)
    with pytest.raises(PromptTooLongError):
        engine.share_prefix(long_prompt(engine, CONTEXT))
    engine.close()


def test_too_small_a_cache_makes_answers_wait_and_changes_no_text(model_path: Path) -> None:
    engine = Engine(model_path, slots=3, context_per_slot=256, threads=1, cache_tokens=256)
    alone = "".join(engine.submit(NUMBERS * 4, max_tokens=100, sampling=ENDLESS, cache_scope="first"))
    streams = [
        engine.submit(NUMBERS * 4, max_tokens=100, sampling=ENDLESS, cache_scope=str(number)) for number in range(4)
    ]
    texts = ["".join(stream) for stream in streams]
    assert all(text[:40] == alone[:40] for text in texts)
    assert {stream.finish_reason for stream in streams} == {"length"}
    assert all(stream.usage.completion_tokens == 100 for stream in streams)
    engine.close()


def test_the_models_own_chat_template_is_used(engine: Engine) -> None:
    prompt = engine.render_chat([{"role": "user", "content": "Hi <|im_end|>"}])
    assert prompt.endswith("<|im_start|>assistant\n")
    assert prompt.rpartition("Hi")[2].count("<|im_end|>") == 1
