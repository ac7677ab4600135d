"""A policy's versions as the console tells of them: checks in words, what may be done next, samples of text."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from chatapp.moderation.checks.check import Check, FailRule
from chatapp.moderation.checks.examiner import Hit
from chatapp.moderation.checks.schema import build_checks
from chatapp.moderation.lifecycle.diff import Spec
from chatapp.moderation.marking import SECRETIVE, Segment, find_personal, segments_of
from chatapp.moderation.models import PolicyChange, PolicyState, PolicyVersion, Stage
from chatapp.moderation.replay.selectors import Sample
from chatapp.moderation.services.policies import MOVES
from chatapp.moderation.trying import Tried

MARGIN, MAX_MARKED = 60, 300
_ACTS = {"allow": "Notes", "flag": "Sends to review", "mask": "Masks", "block": "Blocks"}
_PLACES = {"input": "questions", "context": "retrieved passages", "output": "answers"}
_LABELS = {PolicyState.SHADOW: "Put into shadow", PolicyState.ACTIVE: "Activate", PolicyState.RETIRED: "Retire"}
_QUESTIONS = {
    PolicyState.SHADOW: "Put {policy} into shadow? Its checks note what they would do to new messages and answers.",
    PolicyState.ACTIVE: "Apply {policy} to all new messages and answers? It replaces the active version of that name.",
    PolicyState.RETIRED: "Stop {policy}? Its checks do not look at new messages and answers any more.",
}


@dataclass(frozen=True, slots=True)
class Move:
    state: str
    label: str
    question: str


@dataclass(frozen=True, slots=True)
class CheckLine:
    """`terms` are the words, patterns and entities that it looks for."""

    name: str
    kind: str
    sentence: str
    terms: list[str]


@dataclass(frozen=True, slots=True)
class PolicyRow:
    policy: PolicyVersion
    change: PolicyChange | None
    checks: list[CheckLine]


@dataclass(frozen=True, slots=True)
class SampleRow:
    exchange_id: UUID
    stage: str
    checks: str
    excerpt: list[Segment]
    flag_id: UUID | None


@dataclass(frozen=True, slots=True)
class TriedRow:
    """`text` is the tried one with what was found marked; empty where nothing was."""

    tried: Tried
    text: list[Segment]


def policy_row(policy: PolicyVersion) -> PolicyRow:
    """Of a version whose changes are loaded, newest first."""
    return PolicyRow(policy, next(iter(policy.changes.all()), None), check_lines(policy.checks))


def check_lines(specs: Sequence[Spec]) -> list[CheckLine]:
    return [
        CheckLine(check.name, check.kind, describe(check), list(_terms(spec)))
        for check, spec in zip(build_checks(specs), specs, strict=True)
    ]


def describe(check: Check) -> str:
    return " ".join(_sentences(check))


def moves_of(policy: PolicyVersion) -> list[Move]:
    states = MOVES[PolicyState(policy.state)]
    return [Move(state.value, _LABELS[state], _QUESTIONS[state].format(policy=policy)) for state in states]


def sample_rows(samples: Iterable[Sample]) -> list[SampleRow]:
    return [
        SampleRow(
            exchange_id=sample.exchange.pk,
            stage=sample.stage,
            checks=", ".join(dict.fromkeys(one.name for one in sample.found)),
            excerpt=_excerpt(sample),
            flag_id=sample.flag_id,
        )
        for sample in samples
    ]


def tried_rows(tried: Iterable[Tried], text: str) -> list[TriedRow]:
    return [TriedRow(one, segments_of(text, marks=list(one.spans), hits=[]) if one.spans else []) for one in tried]


def _sentences(check: Check) -> Iterator[str]:
    place = _PLACES[check.stage]
    yield f"{_ACTS[check.action]} what it finds in {place}, severity {check.severity}."
    if check.placeholder:
        yield "A name stands for it in the prompt and is turned back in the answer."
    if check.examiner is not None:
        yield f"It counts from a score of {check.threshold:g} on."
        if check.stage == Stage.OUTPUT and check.action in {"mask", "block"}:
            yield "The answer waits for it." if check.hold else "The answer is shown and taken back afterwards."
        closed = check.fails == FailRule.CLOSED
        after = f"after {check.budget_seconds:g} s or when it is down"
        yield f"If it cannot look, {after}, {'its action is taken' if closed else 'the text goes on'}."
    scope = check.scope
    if scope.groups:
        yield f"Only for the groups {', '.join(sorted(scope.groups))}."
    if scope.routes:
        yield f"Only on the routes {', '.join(sorted(scope.routes))}."
    if scope.external_only:
        yield "Only when a model outside of the company answers."


def _terms(spec: Spec) -> Iterator[str]:
    for field in ("patterns", "words", "entities", "languages", "allowed_hosts", "hosts", "categories"):
        values = spec.get(field, [])
        if isinstance(values, list | dict):
            yield from (str(value) for value in values)
    yield from (str(spec[field]) for field in ("question", "version", "route") if isinstance(spec.get(field), str))


def _excerpt(sample: Sample) -> list[Segment]:
    """The first words objected to with a little round them; personal data is masked as on flags."""
    exchange = sample.exchange
    field = "question" if sample.stage == Stage.INPUT else "original" if exchange.original else "answer"
    text: str = getattr(exchange, field)
    marks = sorted((start, end) for one in sample.found for start, end in one.spans if end <= len(text))
    own = [
        Hit(start, end, label=SECRETIVE[one.kind])
        for one in sample.found
        if one.kind in SECRETIVE
        for start, end in one.spans
        if start < end <= len(text)
    ]
    hits = [*find_personal(exchange, field), *own]
    first, last = marks[0] if marks else (0, 0)
    left, right = _window(first, min(last, first + MAX_MARKED), hits, len(text))
    shown = segments_of(
        text[left:right],
        marks=[(max(0, start - left), end - left) for start, end in marks if start < right and end > left],
        hits=[Hit(hit.start - left, hit.end - left, label=hit.label) for hit in hits if left <= hit.start < right],
    )
    return [*([Segment("…")] if left else []), *shown, *([Segment("…")] if right < len(text) else [])]


def _window(first: int, last: int, hits: Sequence[Hit], length: int) -> tuple[int, int]:
    """No hit is cut, so that no half of a number is shown."""
    left, right = max(0, first - MARGIN), min(length, last + MARGIN)
    for hit in sorted(hits, key=lambda hit: hit.start):
        if hit.start < right < hit.end:
            right = hit.end
    for hit in sorted(hits, key=lambda hit: -hit.start):
        if hit.start < left < hit.end:
            left = hit.start
    return left, right
