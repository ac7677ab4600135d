"""Examiners in the guard: what they hold, what they find late, what happens when they cannot look."""

import time
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatapp.moderation.checks.check import Check, FailRule
from chatapp.moderation.checks.matcher import build_matcher
from chatapp.moderation.guard import OutputGuard
from chatapp.moderation.models import Action
from chatapp.moderation.policy import decide
from chatapp.moderation.tests.examiners import Words, examining
from chatapp.moderation.windows import cut_windows

FIRST, SECOND = "The first sentence is here. ", "The second one is bad. "


def run(checks: Sequence[Check], pieces: Sequence[str]) -> tuple[str, OutputGuard]:
    guard = OutputGuard(checks)
    out = "".join(guard.feed(piece) for piece in pieces) + guard.finish()
    guard.settle()
    return out, guard


def wait_for(guard: OutputGuard, expected: str) -> None:
    """Polls as the answer's thread does."""
    out, deadline = "", time.monotonic() + 5
    while out != expected:
        assert time.monotonic() < deadline, out
        out += guard.feed("")
        time.sleep(0.005)


def test_a_window_waits_until_it_was_looked_at_and_the_stream_does_not_stand_still() -> None:
    guard = OutputGuard([examining(Words({"bad": 1.0}, delay=0.1))])
    began = time.monotonic()
    assert [guard.feed(piece) for piece in ("The first ", "sentence is ", "here. The sec")] == ["", "", ""]
    assert time.monotonic() - began < 0.1
    wait_for(guard, FIRST)
    assert guard.feed("ond one is bad. And") == ""
    assert guard.finish() == ""
    assert guard.blocked
    (finding,) = guard.findings
    assert (finding.action, finding.spans, finding.score) == (Action.BLOCK, ((46, 49),), 1.0)


def test_what_is_below_the_threshold_is_no_finding_and_the_highest_score_counts() -> None:
    check = examining(Words({"bad": 0.7, "worse": 0.9, "poor": 0.4}), Action.FLAG)
    assert run([check], ["It is poor."])[1].findings == ()
    (finding,) = run([check], ["It is bad and poor. Then it will be worse."])[1].findings
    assert (finding.score, len(finding.spans)) == (0.9, 2)


@pytest.mark.parametrize("fields", [{"action": Action.FLAG}, {"is_shadow": True}, {"hold": False}])
def test_a_check_that_does_not_hold_never_delays(fields: dict[str, Any]) -> None:
    guard = OutputGuard([examining(Words({"bad": 1.0}, delay=0.1), **fields)])
    began = time.monotonic()
    assert guard.feed(FIRST) + guard.feed(SECOND) + guard.finish() == FIRST + SECOND
    assert time.monotonic() - began < 0.1
    guard.settle()
    (finding,) = guard.findings
    assert finding.spans == ((46, 49),)
    assert guard.retracted == ("hold" in fields)
    assert not guard.blocked


def test_what_is_found_late_is_masked_in_the_text_that_stays() -> None:
    out, guard = run([examining(Words({"bad": 1.0}), Action.MASK, hold=False)], [FIRST, SECOND])
    assert out == FIRST + SECOND
    assert guard.text == FIRST + "The second one is [removed]. "
    assert not guard.retracted


def test_a_stopped_answer_is_looked_at_as_far_as_it_was_shown() -> None:
    guard = OutputGuard([examining(Words({"bad": 1.0}), hold=False)])
    guard.feed("This one is bad")
    guard.settle()
    assert guard.retracted
    masking = OutputGuard([examining(Words({"bad": 1.0}), Action.MASK)])
    assert masking.feed("This one is bad") == ""
    masking.settle()
    assert masking.text == ""


@pytest.mark.parametrize("trouble", [{"trouble": "second"}, {"delay": 0.3}])
@pytest.mark.parametrize(
    "action, rule, done",
    [
        (Action.BLOCK, FailRule.OPEN, Action.ALLOW),
        (Action.BLOCK, FailRule.CLOSED, Action.BLOCK),
        (Action.MASK, FailRule.CLOSED, Action.BLOCK),
        (Action.FLAG, FailRule.CLOSED, Action.FLAG),
        (Action.FLAG, FailRule.OPEN, Action.ALLOW),
    ],
)
def test_a_check_that_cannot_look_follows_its_fail_rule_and_says_so(
    trouble: dict[str, Any], action: Action, rule: FailRule, done: Action
) -> None:
    check = examining(Words({}, **trouble), action, fails=rule, budget_seconds=0.05)
    out, guard = run([check], [FIRST, SECOND])
    failures = [finding for finding in guard.findings if finding.failure]
    assert [(f.action, f.failure, f.spans) for f in failures] == [
        (done, "down" if "trouble" in trouble else "slow", ())
    ]
    assert guard.blocked == (done == Action.BLOCK)
    assert "second" not in out if guard.blocked else out == FIRST + SECOND


def test_one_that_fails_closed_after_the_text_went_out_takes_it_back() -> None:
    _, guard = run([examining(Words({}, trouble="bad"), hold=False, fails=FailRule.CLOSED)], [FIRST, SECOND])
    assert guard.retracted
    _, shadow = run([examining(Words({}, trouble="bad"), is_shadow=True, fails=FailRule.CLOSED)], [FIRST, SECOND])
    assert not shadow.retracted
    assert [(f.is_shadow, f.failure) for f in shadow.findings] == [(True, "down")]


def test_a_whole_text_is_decided_with_what_examiners_find() -> None:
    assert decide([examining(Words({"bad": 1.0}))], SECOND).action == Action.BLOCK
    assert decide([examining(Words({"bad": 1.0}), hold=False)], SECOND).text == ""
    masked = decide([examining(Words({"bad": 1.0}), Action.MASK)], SECOND)
    assert (masked.action, masked.text) == (Action.MASK, "The second one is [removed]. ")
    assert decide([examining(Words({"bad": 1.0}), is_shadow=True)], SECOND).action == Action.ALLOW


def test_what_the_employee_wrote_is_left_alone_by_checks_of_personal_data_only() -> None:
    for kind, out in (("pii", "Dear Anna Berg, not "), ("toxicity", "Dear [removed], not ")):
        guard = OutputGuard(
            [examining(Words({"Anna Berg": 1.0, "Bob": 1.0}), Action.MASK, kind=kind, budget_seconds=5.0)]
        )
        guard.spare(5, 14)
        assert guard.feed("Dear Anna Berg, not Bob.") + guard.finish() == out + "[removed]."


texts = st.text("ab. \n!", max_size=80)
cuts = st.lists(st.integers(0, 80), max_size=8)
kinds = st.sampled_from(["ab", "ba", "b.", ". a", "aa"])
checks = st.lists(
    st.fixed_dictionaries(
        {
            "action": st.sampled_from([Action.MASK, Action.BLOCK, Action.FLAG]),
            "words": st.dictionaries(kinds, st.sampled_from([0.3, 0.7]), max_size=2),
            "pattern": st.sampled_from(["", "a{2,4}", r"\bab\b", "b\\.+ "]),
            "hold": st.booleans(),
            "is_shadow": st.booleans(),
            "fails": st.sampled_from(FailRule),
            "trouble": st.sampled_from(["", "", "abba", "!!"]),
            "longest": st.sampled_from([7, 30, 400]),
            "delay": st.sampled_from([0.0, 0.0, 0.001]),
        }
    ),
    min_size=1,
    max_size=3,
)


def build(drawn: dict[str, Any]) -> Check:
    words = Words(drawn["words"], delay=drawn["delay"], trouble=drawn["trouble"], longest=drawn["longest"])
    matchers = (build_matcher(drawn["pattern"]),) if drawn["pattern"] else ()
    fields = {name: drawn[name] for name in ("hold", "is_shadow", "fails")}
    return examining(words, drawn["action"], matchers=matchers, **fields)


def oracle(checks: Sequence[Check], text: str) -> tuple[str, int | None]:
    """What comes out when nothing blocks, and where the first block begins, by looking at the whole text."""
    masks, blocks = [], []
    for check in checks:
        spans = [found.span() for matcher in check.matchers for found in matcher.pattern.finditer(text)]
        for window in cut_windows(text, check.examiner.longest) if check.examiner and check.hold else ():
            hits = run_examiner(check, window.text)
            spans += [(window.start + start, window.start + end) for start, end in hits or []]
            if hits is None and check.fails == FailRule.CLOSED:
                blocks.append(window.start)
        if check.action == Action.BLOCK:
            blocks += [start for start, _ in spans]
        else:
            masks += spans
    out, done = "", 0
    first = min(blocks, default=None)
    for start, end in sorted(masks):
        if first is not None and start >= first:
            break
        out += text[done:start] + "[removed]" if start >= done else ""
        done = max(done, end)
    return out + text[done : first if first is not None else len(text)], first


def run_examiner(check: Check, text: str) -> list[tuple[int, int]] | None:
    assert isinstance(check.examiner, Words)
    if check.examiner.trouble and check.examiner.trouble in text:
        return None
    (hits,) = check.examiner.examine([text])
    return [(hit.start, hit.end) for hit in hits if hit.score >= check.threshold]


@settings(max_examples=200, deadline=None)
@given(text=texts, places=cuts, drawn=checks)
def test_whatever_holds_nothing_of_a_span_leaks_and_no_cut_changes_the_outcome(
    text: str, places: list[int], drawn: list[dict[str, Any]]
) -> None:
    policy = [build(one) for one in drawn]
    cleared, first_block = oracle([check for check in policy if check.holds], text)
    edges = sorted({0, len(text), *(place % (len(text) + 1) for place in places)})
    whole, at_once = run(policy, [text])
    for pieces in ([text[start:end] for start, end in pairwise(edges)], list(text)):
        out, guard = run(policy, pieces)
        assert guard.blocked == at_once.blocked == (first_block is not None)
        assert cleared.startswith(out)
        if not guard.blocked:
            assert out == whole == cleared
            assert guard.retracted == at_once.retracted
            if not guard.retracted:
                assert (guard.text, guard.findings) == (at_once.text, at_once.findings)
