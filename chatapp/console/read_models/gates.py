"""Release gates as pages show them: the list, the marks of one run, its questions, and what changed between two."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from chatapp.console.templatetags.figures import NOTHING, seconds
from chatapp.evaluation.gate.graders import Expected
from chatapp.evaluation.gate.marks import MEASURES, Judged, judge_marks, parse_marks
from chatapp.evaluation.models import GateRun, Suite
from chatapp.evaluation.selectors import GateAnswer

LISTED = ("facts", "citations", "refusals", "safety")
_GRADES = {
    "facts": "Right facts",
    "citations": "Right citation",
    "refusal": "Refuses",
    "answers": "Answers",
    "forbidden": "Obeys no planted order",
    "keeps_prompt": "Keeps its instructions",
    "unflagged": "Not flagged by a policy",
    "blocked": "Kept back by a policy",
    "judge": "The judge finds it right",
    "error": "Failed",
}
_WANTS = {"refuse": "A refusal", "answer": "An answer", "safe": "Nothing that must not be said"}


class AnswerFilter(StrEnum):
    ALL = ""
    FAILED = "failed"
    GOLDEN = Suite.GOLDEN.value
    REFUSAL = Suite.REFUSAL.value
    SAFETY = Suite.SAFETY.value

    @classmethod
    def of(cls, value: str) -> "AnswerFilter":
        return cls(value) if value in {one.value for one in cls} else cls.ALL


@dataclass(frozen=True, slots=True)
class GateRow:
    run: GateRun
    figures: Sequence[str]
    failed: Sequence[str]


@dataclass(frozen=True, slots=True)
class MarkRow:
    label: str
    meaning: str
    value: str
    wanted: str
    before: str
    passed: bool | None


@dataclass(frozen=True, slots=True)
class Grade:
    label: str
    is_good: bool


@dataclass(frozen=True, slots=True)
class AnswerRow:
    answer: GateAnswer
    expected: Sequence[str]
    grades: Sequence[Grade]


@dataclass(frozen=True, slots=True)
class ChangeRow:
    kind: str
    before: GateAnswer | None
    after: GateAnswer | None

    @property
    def shown(self) -> GateAnswer | None:
        return self.after or self.before


def gate_rows(runs: Iterable[GateRun]) -> list[GateRow]:
    return [
        GateRow(
            run,
            [_value(key, run.figures.get(key)) for key in LISTED],
            [MEASURES[entry["key"]].label for entry in run.report if entry["passed"] is False],
        )
        for run in runs
    ]


def mark_rows(run: GateRun, *, like: GateRun | None = None) -> list[MarkRow]:
    """Of a live run the marks alone. `like` another one: rows of the suites of both, to stand beside its own."""
    if like is not None:
        suites = [suite for suite in Suite.values if suite in {*run.suites, *like.suites}]
        judged = judge_marks(run.figures, parse_marks(run.marks), suites=suites, baseline={})
    elif run.report:
        judged = [Judged.from_dict(entry) for entry in run.report]
    else:
        judged = judge_marks({}, parse_marks(run.marks), suites=run.suites, baseline={})
    return [_mark_row(one) for one in judged]


def figure_rows(run: GateRun) -> list[tuple[str, str, str]]:
    """Of the load test: name, value, and the serving version's."""
    load, before = run.figures.get("load"), run.figures.get("load_before") or {}
    if not load:
        return []
    rows = [
        ("Streams beside each other", str(load["streams"]), str(before.get("streams", ""))),
        ("Answers", str(load["answers"]), str(before.get("answers", ""))),
        ("Tokens a second, all streams", _rate(load["speed"]), _rate(before.get("speed"))),
        ("Tokens a second, one stream (median)", _rate(load["stream_speed"]), _rate(before.get("stream_speed"))),
        ("First token, median", seconds(load["first_token_p50"]), seconds(before.get("first_token_p50"))),
        ("First token, 95th percentile", seconds(load["first_token_p95"]), seconds(before.get("first_token_p95"))),
        ("Measured", seconds(load["seconds"]), seconds(before.get("seconds"))),
        ("Stood back for people", seconds(load["paused"]), seconds(before.get("paused"))),
    ]
    return [(name, value, other if before else "") for name, value, other in rows]


def answer_rows(answers: Iterable[GateAnswer], shown: AnswerFilter) -> list[AnswerRow]:
    """What failed first, else in the order of the questions."""
    kept = [
        answer
        for answer in answers
        if not shown or answer.result.suite == shown or (shown == AnswerFilter.FAILED and answer.result.passed is False)
    ]
    rows = [
        AnswerRow(answer, _expected(Expected.from_dict(answer.expected), answer), _grades(answer.result.grades))
        for answer in kept
    ]
    return sorted(rows, key=lambda row: row.answer.result.passed is not False)


def change_rows(before: Iterable[GateAnswer], after: Iterable[GateAnswer]) -> list[ChangeRow]:
    """What went worse, then what went better, then what only one run asked."""
    old, new = {_key(one): one for one in before}, {_key(one): one for one in after}
    rows = [ChangeRow(_kind(old.get(key), new.get(key)), old.get(key), new.get(key)) for key in {**new, **old}]
    order = ("worse", "better", "only one")
    return sorted((row for row in rows if row.kind in order), key=lambda row: order.index(row.kind))


def _key(answer: GateAnswer) -> tuple[str, str]:
    return answer.result.suite, answer.result.name or answer.result.question


def _kind(before: GateAnswer | None, after: GateAnswer | None) -> str:
    old, new = before and before.result.passed, after and after.result.passed
    if old is None or new is None:
        return "only one"
    return "same" if old == new else "better" if new else "worse"


def _mark_row(one: Judged) -> MarkRow:
    measure = one.measure
    wanted = NOTHING
    if one.limit is not None:
        wanted = f"at {measure.bound} {_value(one.key, one.limit)}"
        if one.slack is not None and measure.unit == "share":
            wanted += f", or at most {_value(one.key, one.slack)} below the serving version"
    return MarkRow(
        measure.label,
        measure.meaning,
        _value(one.key, one.value),
        wanted,
        _value(one.key, one.baseline),
        one.passed,
    )


def _value(key: str, value: float | None) -> str:
    """A unit stays on the line of its number."""
    if value is None:
        return NOTHING
    unit = MEASURES[key].unit
    if unit == "share":
        return f"{100 * value:.1f}\N{NO-BREAK SPACE}%".replace(".0", "")
    if unit == "seconds":
        return seconds(value).replace(" ", "\N{NO-BREAK SPACE}")
    ratio = f"{value:.2f}\N{NO-BREAK SPACE}\N{MULTIPLICATION SIGN}"
    return {"ratio": ratio, "speed": f"{value:.1f}/s"}.get(unit, f"{value:g}")


def _rate(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.1f}"


def _expected(expected: Expected, answer: GateAnswer) -> list[str]:
    if answer.result.suite == Suite.REFUSAL:
        return ["That it is not in the documents"]
    said = [_WANTS[expected.wants]] if expected.wants else []
    said += [f"Says: {' or '.join(way.strip() for way in fact.split('|'))}" for fact in expected.facts]
    said += [f"Says what “{quote}” says" for quote in expected.quotes if not expected.facts]
    said += [f"Cites {document}" for document in expected.documents]
    said += [f"Not: {word}" for word in expected.forbidden]
    return said


def _grades(grades: dict[str, Any]) -> list[Grade]:
    known = {key: value for key, value in grades.items() if value is not None}
    return [Grade(_GRADES.get(key, key), bool(value) and key != "error") for key, value in known.items()]
