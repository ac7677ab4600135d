"""Looks that nothing waits for take no more than their share of a processor."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from chatapp.moderation.checks.check import Check
from chatapp.moderation.checks.examiner import Hit
from chatapp.moderation.guard import OutputGuard
from chatapp.moderation.models import Action, Failure
from chatapp.moderation.share import Share
from chatapp.moderation.tests.examiners import Words, examining

SENTENCE = "This is a bad sentence of some length. "


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr("chatapp.moderation.share.time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def test_a_share_is_used_up_and_fills_again(clock: list[float]) -> None:
    share = Share(0.25, burst=2.0)
    assert share.has_room()
    share.take(3.0)
    assert not share.has_room()
    clock[0] += 4.0
    assert not share.has_room()
    clock[0] += 0.1
    assert share.has_room()
    clock[0] += 1e6
    share.take(2.1)
    assert not share.has_room()


def flagging(examiner: Words) -> Check:
    return examining(examiner, Action.FLAG)


def end(guard: OutputGuard) -> None:
    guard.finish()
    guard.settle()


def test_without_room_what_only_flags_is_left_and_said_to_be_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    share = Share(0.0, burst=1.0)
    monkeypatch.setattr("chatapp.moderation.watch.unhurried", share)
    examiner = Words({"bad": 1.0})
    guard = OutputGuard([flagging(examiner)])
    guard.feed(SENTENCE)
    end(guard)
    assert [finding.failure for finding in guard.findings] == [""]
    share.take(2.0)
    guard = OutputGuard([flagging(examiner)])
    assert guard.feed(SENTENCE) == SENTENCE
    end(guard)
    assert [(finding.failure, finding.action) for finding in guard.findings] == [(Failure.SLOW, Action.ALLOW)]
    assert len(examiner.texts) == 1


def test_what_holds_text_back_is_looked_at_in_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    share = Share(0.0, burst=1.0)
    share.take(2.0)
    monkeypatch.setattr("chatapp.moderation.watch.unhurried", share)
    ways: list[dict[str, Any]] = [{}, {"hold": False}]
    for fields in ways:
        guard = OutputGuard([examining(Words({"bad": 1.0}), Action.BLOCK, **fields)])
        guard.feed(SENTENCE)
        end(guard)
        assert guard.blocked or guard.retracted


def test_what_only_flags_looks_at_several_windows_at_once() -> None:
    looks: list[int] = []

    class Counting(Words):
        def examine(self, texts: Sequence[str]) -> list[list[Hit]]:
            looks.append(len(texts))
            return super().examine(texts)

    guard = OutputGuard([flagging(Counting({"bad": 1.0}))])
    for _ in range(10):
        guard.feed(SENTENCE)
    end(guard)
    assert looks == [8, 2]
    assert len(guard.findings[0].spans) == 10
