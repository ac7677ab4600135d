"""The engine when a step fails, when time is up, and when it is closed."""

import math
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from chatapp.inference.engine import (
    Engine,
    EngineError,
    RequestError,
    StepReport,
)
from chatapp.inference.engine.native import llama_cpp
from chatapp.inference.tests.engine_probe import (
    CONTEXT,
    ENDLESS,
    GREEDY,
    is_idle,
    long_prompt,
    read_first,
    wait_until,
)

pytestmark = pytest.mark.model


def test_a_fault_in_the_engine_thread_reaches_every_stream(model_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both_are_there = threading.Event()

    def fail(*_arguments: object) -> int:
        both_are_there.wait(60)
        raise RuntimeError("no more")

    engine = Engine(model_path, slots=1, context_per_slot=CONTEXT, threads=1)
    assert engine.failure is None
    monkeypatch.setattr(llama_cpp, "llama_decode", fail)
    streams = [engine.submit("Once", max_tokens=50, sampling=ENDLESS) for _ in range(2)]
    both_are_there.set()
    for stream in streams:
        with pytest.raises(EngineError, match="no more"):
            list(stream)
        assert stream.finish_reason == "error"
    with pytest.raises(EngineError, match="no more"):
        engine.submit("Again", max_tokens=1)
    assert "no more" in str(engine.failure)
    engine.close()


def test_steps_that_cannot_be_computed_fail_their_answers_and_then_the_engine(
    model_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(model_path, slots=1, context_per_slot=CONTEXT, threads=1)
    text = "".join(engine.submit("Once", max_tokens=8, sampling=ENDLESS))
    with monkeypatch.context() as broken:
        broken.setattr(llama_cpp, "llama_decode", lambda *_arguments: -3)
        stream = engine.submit("Once", max_tokens=8, sampling=ENDLESS)
        with pytest.raises(EngineError, match="could not compute"):
            list(stream)
    assert engine.failure is None
    assert "".join(engine.submit("Once", max_tokens=8, sampling=ENDLESS)) == text
    monkeypatch.setattr(llama_cpp, "llama_decode", lambda *_arguments: -3)
    for _ in range(3):
        with pytest.raises(EngineError):
            list(engine.submit("Once", max_tokens=8, sampling=ENDLESS))
    wait_until(lambda: engine.failure is not None)
    assert "3 steps in a row" in str(engine.failure)
    engine.close()


@pytest.mark.parametrize("sampling", [GREEDY, {"temperature": 1.0}])
def test_numbers_that_are_none_end_the_answer_with_its_text_so_far(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, sampling: dict[str, float]
) -> None:
    real = llama_cpp.llama_decode

    def spoil(handle: object, batch: object) -> int:
        status: int = real(handle, batch)
        row = llama_cpp.llama_get_logits(handle)
        for place in range(engine._model.vocabulary_size):
            row[place] = math.nan
        return status

    stream = engine.submit("Once", max_tokens=400, sampling={**sampling, "ignore_eos": True})
    read_first(stream)
    monkeypatch.setattr(llama_cpp, "llama_decode", spoil)
    with pytest.raises(EngineError, match="not a number"):
        list(stream)
    assert stream.finish_reason == "error"
    assert engine.failure is None


def test_a_watcher_that_raises_does_not_stop_the_answers(model_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    calls = []

    def fail(report: StepReport) -> None:
        calls.append(report)
        raise RuntimeError("no more")

    engine = Engine(model_path, slots=1, context_per_slot=CONTEXT, threads=1, on_step=fail)
    assert "".join(engine.submit("Once", max_tokens=5, sampling=ENDLESS))
    assert len(calls) == 1
    assert "on_step failed" in caplog.text
    engine.close()


def test_a_time_limit_holds_while_waiting_reading_and_writing(model_path: Path) -> None:
    engine = Engine(model_path, slots=2, context_per_slot=2048, threads=1)
    writing = engine.submit("Once", max_tokens=1500, sampling=ENDLESS, time_limit=1.0)
    read_first(writing)
    reading = engine.submit(long_prompt(engine, 1900), max_tokens=10, time_limit=0.1)
    waiting = engine.submit("Never read", max_tokens=10, time_limit=0.05)
    for stream in (waiting, reading):
        with pytest.raises(EngineError, match="in time"):
            list(stream)
        assert stream.usage.completion_tokens == 0
    assert list(writing)
    assert writing.finish_reason == "length"
    assert writing.usage.completion_tokens < 1500
    assert is_idle(engine)
    for impossible in (0, -1, math.nan):
        with pytest.raises(RequestError, match="time_limit"):
            engine.submit("Once", max_tokens=1, time_limit=impossible)
    engine.close()


def test_close_cancels_what_runs_and_refuses_what_comes(model_path: Path) -> None:
    engine = Engine(model_path, slots=1, context_per_slot=CONTEXT, threads=1)
    streams = [engine.submit("Once", max_tokens=400, sampling=ENDLESS) for _ in range(2)]
    read_first(streams[0])
    engine.close()
    engine.close()
    assert [stream.finish_reason for stream in streams] == ["cancelled", "cancelled"]
    with pytest.raises(EngineError, match="closed"):
        engine.submit("Again", max_tokens=1)
    with pytest.raises(EngineError, match="closed"):
        engine.count_tokens("Again")


def test_a_live_engine_does_not_disturb_the_interpreters_exit(model_path: Path) -> None:
    program = (
        "import sys\nfrom chatapp.inference.engine import Engine\n"
        "engine = Engine(sys.argv[1], slots=2, context_per_slot=256, threads=1)\n"
        "stream = engine.submit('Once', max_tokens=200, sampling={'ignore_eos': True})\n"
        "stream.next_piece(60)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, str(model_path)], capture_output=True, text=True, timeout=120, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("slots,context,cache", [(0, CONTEXT, None), (1, 9000, None), (1, CONTEXT, 100)])
def test_impossible_sizes_are_refused(model_path: Path, slots: int, context: int, cache: int | None) -> None:
    with pytest.raises(EngineError):
        Engine(model_path, slots=slots, context_per_slot=context, cache_tokens=cache)


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "broken.gguf"
    path.write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(EngineError):
        Engine(path, slots=1, context_per_slot=CONTEXT)
