import time
from collections.abc import Iterator

import pytest

from chatapp.inference.engine import ChatMessage, EngineError, RequestError, SamplingError, Stream, TextEngine
from chatapp.inference.testing import ScriptedModel


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    scripted = ScriptedModel()
    yield scripted
    scripted.close()


def ask(model: TextEngine, content: str, max_tokens: int = 10_000, *, system: str = "say: never this") -> Stream:
    messages: list[ChatMessage] = [
        {"role": "system", "content": system},
        {"role": "user", "content": "rate=1 say: nor this"},
        {"role": "assistant", "content": "t000000 "},
        {"role": "user", "content": content},
    ]
    return model.submit(model.render_chat(messages), max_tokens=max_tokens)


def test_numbered_tokens_in_paragraphs_of_forty(model: ScriptedModel) -> None:
    stream = ask(model, "rate=5000 tokens=100")
    pieces = list(stream)
    assert [int(piece.split()[0][1:]) for piece in pieces] == list(range(100))
    assert [number for number, piece in enumerate(pieces, start=1) if piece.endswith("\n\n")] == [40, 80]
    assert stream.finish_reason == "stop"
    assert stream.usage.completion_tokens == 100


def test_say_streams_all_that_follows_in_small_pieces(model: ScriptedModel) -> None:
    text = "rate=1 héllo **wörld** 🎉\n\nsay: more"
    pieces = list(ask(model, f"rate=5000 say: {text}"))
    assert "".join(pieces) == text
    assert {len(piece) for piece in pieces[:-1]} == {1, 2, 3}


def test_a_version_has_its_own_script_where_the_question_says_nothing(model: ScriptedModel) -> None:
    own = "You are a test. rate=5000 tokens=3 fail_every=2"
    assert "".join(ask(model, "How are you?", system=own)) == "t000000 t000001 t000002 "
    with pytest.raises(EngineError):
        "".join(ask(model, "How are you?", system=own))
    assert "".join(ask(model, "tokens=1 fail_every=0", system=own)) == "t000000 "


def test_stamps_tell_when_each_token_was_written(model: ScriptedModel) -> None:
    before = time.time()
    words = "".join(ask(model, "stamps=1 rate=5000 tokens=50")).split()
    times = [int(word[7:].translate(str.maketrans("abcdefghij", "0123456789"))) / 1000 for word in words]
    assert [word[:7] for word in words] == [f"t{number:06}" for number in range(50)]
    assert times == sorted(times)
    assert before - 0.001 <= times[0] <= times[-1] <= time.time() + 0.001


def test_markdown_is_whole_and_goes_on_until_the_last_token(model: ScriptedModel) -> None:
    pieces = list(ask(model, "markdown=1 rate=5000 tokens=300"))
    assert len(pieces) == 300
    assert all(len(piece.strip()) <= 7 for piece in pieces)
    text = "".join(pieces)
    assert all(part in text for part in ("\n\n| grade | days | carried over |\n", "\n```python\n", "\n- Wait for"))


def test_text_that_waits_comes_at_once(model: ScriptedModel) -> None:
    stream = ask(model, "rate=5000 tokens=20")
    deadline = time.monotonic() + 30
    while stream.finish_reason is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert (stream.next_text(1) or "").split() == [f"t{number:06}" for number in range(20)]
    assert stream.next_text(1) is None


def test_the_question_is_found_behind_passages(model: ScriptedModel) -> None:
    passages = "Passages:\n[1] rate=1 tokens=9 say: wrong\nQuestion: rate=1 say: wrong too\n\n"
    assert "".join(ask(model, passages + "Question: rate=5000 say: right\nand this")) == "right\nand this"
    assert "".join(ask(model, passages + "Question:\nrate=5000 say: right")) == "right"


def test_without_instructions_there_are_sixty_tokens() -> None:
    model = ScriptedModel(rate=5000)
    assert len(list(ask(model, "How many days of holiday do I have?"))) == 60
    model.close()


def test_given_tokens_are_streamed_whatever_the_prompt_says() -> None:
    model = ScriptedModel(tokens=["one ", "two"], rate=5000)
    assert list(ask(model, "say: three")) == ["one ", "two"]
    model.close()


def test_each_fifth_answer_fails_half_way(model: ScriptedModel) -> None:
    outcomes = []
    for _ in range(10):
        stream = ask(model, "rate=5000 tokens=10 fail_every=5")
        try:
            text = "".join(stream)
        except EngineError:
            outcomes.append(("error", stream.usage.completion_tokens))
        else:
            outcomes.append((str(stream.finish_reason), len(text.split())))
    assert outcomes == ([("stop", 10)] * 4 + [("error", 5)]) * 2
    assert model.stats().failed_requests == 2


def test_the_rate_is_kept(model: ScriptedModel) -> None:
    started = time.monotonic()
    list(ask(model, "rate=50 tokens=11 prefill=0.2"))
    # Never faster than asked; how much slower is the machine's affair.
    assert time.monotonic() - started >= 0.2 + 10 / 50


def test_cancel_in_every_phase_frees_the_slot() -> None:
    model = ScriptedModel(slots=2)
    reading = ask(model, "prefill=600")
    writing = ask(model, "rate=20 tokens=10000")
    waiting = ask(model, "tokens=5")
    assert writing.next_piece(60)
    assert (model.stats().slots_busy, model.stats().waiting) == (2, 1)
    for stream in (waiting, reading, writing):
        stream.cancel()
        stream.cancel()
        list(stream)
        assert stream.finish_reason == "cancelled"
    assert (model.stats().slots_busy, model.stats().waiting) == (0, 0)
    model.close()


def test_a_timeout_gives_no_text_and_the_end_none(model: ScriptedModel) -> None:
    stream = ask(model, "prefill=600")
    assert stream.next_piece(0.01) == ""
    assert stream.progress == 0
    stream.cancel()
    assert stream.next_piece(60) is None
    assert stream.next_piece(60) is None


def test_caps_and_stop_strings_count_as_for_a_real_model(model: ScriptedModel) -> None:
    stream = ask(model, "rate=5000", max_tokens=3)
    assert len(list(stream)) == 3
    assert stream.finish_reason == "length"
    stopped = model.submit("rate=5000 say: one STOP two", max_tokens=100, stop=["STOP"])
    assert "".join(stopped) == "one "
    with pytest.raises(SamplingError):
        model.submit("x", max_tokens=1, sampling={"n": 5})


def test_a_time_limit_ends_an_answer_in_every_phase() -> None:
    model = ScriptedModel(slots=2)
    writing = model.submit("rate=100 tokens=10000", max_tokens=10_000, time_limit=0.3)
    reading = model.submit("prefill=600", max_tokens=10, time_limit=0.1)
    waiting = model.submit("tokens=5", max_tokens=10, time_limit=0.05)
    for stream in (waiting, reading):
        with pytest.raises(EngineError, match="in time"):
            list(stream)
    assert list(writing)
    assert writing.finish_reason == "length"
    with pytest.raises(RequestError):
        model.submit("x", max_tokens=1, time_limit=0)
    model.close()


def test_close_cancels_and_refuses() -> None:
    model = ScriptedModel()
    stream = ask(model, "tokens=10000")
    model.close()
    list(stream)
    assert stream.finish_reason == "cancelled"
    with pytest.raises(EngineError):
        model.submit("x", max_tokens=1)
