"""What the pages of golden questions and evaluations show."""

from collections.abc import Iterable
from typing import Any

from django.core.paginator import Paginator

from chatapp.accounts.models import User
from chatapp.retrieval import selectors
from chatapp.retrieval.evaluation.showing import LISTED, Answer, answer_of, changes_between, count_kinds, figures_shown
from chatapp.retrieval.models import Collection, Evaluation, EvaluationState, GoldenQuestion
from chatapp.retrieval.shelves import shelf_of

RESULTS_PER_PAGE = 100


def evaluation_page(user: User, collection: Collection, *, page: int = 1) -> dict[str, Any]:
    """Questions, each with what the last complete run made of it, and the runs."""
    questions = selectors.page_of_golden_questions_for(user, collection, page=page)
    runs = list(selectors.list_evaluations_for(user, collection)[: selectors.RUNS_SHOWN])
    ended = [run for run in runs if run.figures]
    return {
        **_frame(user, collection),
        "questions": questions,
        "listed": _with_last_answers(questions, ended[0] if ended else None),
        "missing": selectors.missing_documents(
            collection, {source["document"] for question in questions for source in question.sources}
        ),
        "documents": selectors.document_names(collection),
        "runs": runs,
        "ended": ended,
        "listed_measures": LISTED,
        "latest": figures_shown(ended[0].figures or {}) if ended else [],
        "indexes": list(selectors.list_indexes()),
        "is_running": any(run.is_live for run in runs),
    }


def run_page(user: User, evaluation: Evaluation, *, page: int, only_wrong: bool) -> dict[str, Any]:
    """While it runs, only how far it is."""
    answers: list[Answer] = []
    if not evaluation.is_live:
        answers = [answer_of(result) for result in selectors.list_results(evaluation)]
    wrong = [answer for answer in answers if answer.judged and not answer.judged.is_right]
    return {
        **_frame(user, evaluation.collection),
        "run": evaluation,
        "figures": figures_shown(evaluation.figures) if evaluation.figures else [],
        "answers": Paginator(wrong if only_wrong else answers, RESULTS_PER_PAGE).get_page(page),
        "wrong": len(wrong),
        "only_wrong": only_wrong,
        "query": "show=wrong" if only_wrong else "",
        "is_complete": evaluation.state == EvaluationState.COMPLETE,
    }


def compare_page(user: User, collection: Collection, before: Evaluation, after: Evaluation) -> dict[str, Any]:
    changes = changes_between(selectors.list_results(before), selectors.list_results(after))
    return {
        **_frame(user, collection),
        "before": before,
        "after": after,
        "figures": figures_shown(after.figures or {}, before.figures or {}),
        "changes": [change for change in changes if change.kind != "same"],
        "counts": count_kinds(changes),
    }


def _with_last_answers(
    questions: Iterable[GoldenQuestion], last: Evaluation | None
) -> list[tuple[GoldenQuestion, Answer | None]]:
    """A question that was changed since has not been asked."""
    listed = list(questions)
    if last is None:
        return [(question, None) for question in listed]
    results = selectors.list_results(last).filter(text__in=[question.text for question in listed])
    answers = {result.text: answer_of(result) for result in results}
    asked = [(question, answers.get(question.text)) for question in listed]
    return [
        (question, answer if answer and answer.result.sources == question.sources else None)
        for question, answer in asked
    ]


def _frame(user: User, collection: Collection) -> dict[str, Any]:
    return {"shelf": shelf_of(user, collection, is_short=True), "tab": "evaluation"}
