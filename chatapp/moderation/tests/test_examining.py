import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from types import SimpleNamespace

import pytest

from chatapp.moderation.checks.check import FailRule
from chatapp.moderation.checks.examiner import ExaminerError, Hit
from chatapp.moderation.checks.matcher import build_matcher
from chatapp.moderation.examining import LOCAL_THREADS, Look, run
from chatapp.moderation.models import Failure
from chatapp.moderation.scoring import find_hits
from chatapp.moderation.tests.examiners import Hanging, Words, examining

SHORT = 0.05


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    examiner = Hanging()
    yield examiner
    examiner.released.set()


def test_hits_come_back_in_the_order_of_the_texts() -> None:
    check = examining(Words({"bad": 0.9, "poor": 0.1}))
    assert run(check, ["a bad one", "", "poor"]) == [[Hit(2, 5, 0.9)], [], [Hit(0, 4, 0.1)]]


def test_over_its_budget_a_check_is_slow_and_its_result_is_not_waited_for() -> None:
    check = examining(Words({"bad": 1.0}, delay=0.5), budget_seconds=SHORT)
    began = time.monotonic()
    assert run(check, ["bad"]) == Failure.SLOW
    assert time.monotonic() - began < 0.4


def test_an_examiner_that_says_so_or_fails_or_answers_nonsense_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    examiner = Words({}, trouble="x")
    check = examining(examiner)
    assert run(check, ["x"]) == Failure.DOWN
    for nonsense in ([], [[Hit(0, 9)]], [[Hit(0, 1, 1.5)]], [[Hit(0, 1, float("nan"))]], None):
        monkeypatch.setattr(examiner, "examine", lambda _texts, answer=nonsense: answer)
        assert run(check, ["a"]) == Failure.DOWN


def test_what_an_examiner_raises_is_in_no_log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(texts: list[str]) -> None:
        raise ValueError(texts[0])

    examiner = Words({})
    monkeypatch.setattr(examiner, "examine", fail)
    assert run(examining(examiner), ["top secret"]) == Failure.DOWN
    assert "secret" not in caplog.text


def test_one_that_hangs_is_down_at_once_and_takes_no_thread_from_another(hanging: Hanging) -> None:
    check = examining(hanging, budget_seconds=SHORT)
    assert [run(check, ["a"]) for _ in range(LOCAL_THREADS)] == [Failure.SLOW] * LOCAL_THREADS
    began = time.monotonic()
    assert run(check, ["a"]) == Failure.DOWN
    assert time.monotonic() - began < SHORT
    # None that hangs keeps the process from its end.
    assert all(thread.daemon for thread in threading.enumerate() if thread.name == "examiner")
    assert run(examining(Words({"a": 1.0})), ["a"]) == [[Hit(0, 1)]]
    hanging.released.set()
    deadline = time.monotonic() + 5
    while run(check, ["a"]) == Failure.DOWN:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert run(check, ["a"]) == [[]]


def test_looks_that_nobody_waits_for_any_more_are_left_out(hanging: Hanging) -> None:
    check = examining(hanging, budget_seconds=SHORT)
    looks = [run(check, [str(number)]) for number in range(LOCAL_THREADS)]
    assert looks == [Failure.SLOW] * LOCAL_THREADS
    hanging.released.set()
    time.sleep(SHORT)
    assert run(check, ["last"]) == [[]]
    assert len(hanging.texts) <= LOCAL_THREADS + 1


def test_hits_of_a_whole_text_are_told_whatever_their_score() -> None:
    check = examining(Words({"poor": 0.2, "bad": 0.8}), matchers=(build_matcher("[0-9]+"),))
    hits = find_hits(check, "A poor sentence stands here. A bad one with 12 follows it.")
    assert [(hit.start, hit.end, hit.score) for hit in hits] == [(2, 6, 0.2), (31, 34, 0.8), (44, 46, 1.0)]
    assert find_hits(check, "") == []


def test_a_text_that_could_not_be_looked_at_has_no_hits() -> None:
    with pytest.raises(ExaminerError, match="Not available"):
        find_hits(examining(Words({}, trouble="x"), fails=FailRule.CLOSED), "x")


def test_how_long_a_look_took_is_told_whenever_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[float] = []
    monkeypatch.setattr("chatapp.moderation.examining.note_look", lambda *_, seconds, **__: told.append(seconds))
    now = [100.0]
    monkeypatch.setattr("chatapp.moderation.examining.time", SimpleNamespace(monotonic=lambda: now[0]))
    look = Look(examining(Words({})), ["a"], 100.0, Future())
    now[0] = 100.5
    look.future.set_result([[]])
    now[0] = 109.0
    assert look.outcome() == [[]]
    assert told == [0.5]
