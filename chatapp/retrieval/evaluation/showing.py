"""Runs as pages and the API show them: figures with their names, question by question, two runs side by side."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from chatapp.retrieval.evaluation.judging import Judged, judge
from chatapp.retrieval.models import EvaluationResult


@dataclass(frozen=True, slots=True)
class Measure:
    key: str
    label: str
    meaning: str


MEASURES = (
    Measure("ndcg_at_10", "nDCG@10", "How near the right passages stand to the top; 1 is perfect."),
    Measure("mrr", "MRR", "One divided by the rank of the first right passage, on average."),
    Measure("recall_at_10", "Recall@10", "How many of the right sources are among the first ten passages."),
    Measure("recall_at_3", "Recall@3", "How many are among the first three, which a model is given."),
    Measure("no_answer_accuracy", "No-answer accuracy", "How often nothing is found for questions without an answer."),
    Measure("citation_support", "Citation support", "How many citations in answers of 30 days support their sentence."),
)
LISTED = MEASURES[:3]
_EVEN = 0.005


@dataclass(frozen=True, slots=True)
class Figure:
    measure: Measure
    value: float | None
    change: float | None = None

    @property
    def direction(self) -> str:
        if self.change is None or abs(self.change) < _EVEN:
            return "same"
        return "better" if self.change > 0 else "worse"


@dataclass(frozen=True, slots=True)
class Answer:
    """One question of a run with what search made of it; `judged` is None until it was asked."""

    result: EvaluationResult
    judged: Judged | None

    @property
    def expected(self) -> list[tuple[dict[str, str], int | None]]:
        """Each source with its rank."""
        ranks = self.result.ranks or [None] * len(self.result.sources)
        return list(zip(self.result.sources, ranks, strict=False))


@dataclass(frozen=True, slots=True)
class Change:
    """A question that both runs asked, or one of them."""

    text: str
    before: Answer | None
    after: Answer | None
    kind: str = field(default="same")


def figures_shown(
    figures: Mapping[str, float | None], before: Mapping[str, float | None] | None = None
) -> list[Figure]:
    return [_figure(measure, figures.get(measure.key), (before or {}).get(measure.key)) for measure in MEASURES]


def answer_of(result: EvaluationResult) -> Answer:
    return Answer(result, judge(result.ranks, found=len(result.found)) if result.ranks is not None else None)


def changes_between(before: Iterable[EvaluationResult], after: Iterable[EvaluationResult]) -> list[Change]:
    """By the words of the question: what got worse first, then what got better, then the rest."""
    old = {result.text: answer_of(result) for result in before}
    new = {result.text: answer_of(result) for result in after}
    changes = [
        Change(text, old.get(text), new.get(text), _kind(old.get(text), new.get(text))) for text in {**old, **new}
    ]
    order = ("worse", "better", "only one", "same")
    return sorted(changes, key=lambda change: order.index(change.kind))


def count_kinds(changes: Sequence[Change]) -> dict[str, int]:
    return {kind: sum(change.kind == kind for change in changes) for kind in ("better", "worse", "same")}


def _kind(before: Answer | None, after: Answer | None) -> str:
    old, new = before and before.judged, after and after.judged
    if not old or not new or old.expects_answer != new.expects_answer:
        return "only one"
    difference = _worth(new) - _worth(old)
    return "same" if abs(difference) < _EVEN else "better" if difference > 0 else "worse"


def _worth(judged: Judged) -> float:
    return judged.ndcg if judged.expects_answer else float(judged.is_right)


def _figure(measure: Measure, value: float | None, before: float | None) -> Figure:
    return Figure(measure, value, value - before if value is not None and before is not None else None)
