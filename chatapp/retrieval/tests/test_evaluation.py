"""Golden questions and the runs that ask them, through the services."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db.models import F
from django.db.models.functions import Now

from chatapp.accounts.models import AuditEvent, User
from chatapp.errors import ChatappError
from chatapp.retrieval import selectors, services
from chatapp.retrieval.embedding import EmbeddingError
from chatapp.retrieval.evaluation import Source
from chatapp.retrieval.evaluation.quoting import closest_sentence
from chatapp.retrieval.models import (
    CitationSupport,
    Collection,
    EmbeddingIndex,
    Evaluation,
    EvaluationResult,
    EvaluationState,
    GoldenQuestion,
    IndexState,
)
from chatapp.retrieval.search import Passage
from chatapp.retrieval.services import evaluation as running
from chatapp.retrieval.tests.conftest import People

Answers = dict[str, Sequence[tuple[str, str]]]


@pytest.fixture
def index(db: None) -> EmbeddingIndex:
    return EmbeddingIndex.objects.create(model="tiny", dimensions=3, state=IndexState.READY)


@pytest.fixture
def documents(notes: Collection) -> None:
    for name in ("leave.md", "travel.md"):
        notes.documents.create(name=name)


@pytest.fixture
def asked() -> list[tuple[str, str, list[str]]]:
    return []


@pytest.fixture
def search(monkeypatch: pytest.MonkeyPatch, asked: list[tuple[str, str, list[str]]]) -> Callable[[Answers], None]:
    """Search finds these (document, text) for these questions, and nothing else."""

    def answer_with(answers: Answers) -> None:
        def find(*, user: User, query: str, collections: list[str], k: int, index: EmbeddingIndex) -> list[Passage]:
            asked.append((user.username, query, collections))
            return [passage(*found) for found in answers.get(query, [])][:k]

        monkeypatch.setattr(running, "find_passages", find)

    return answer_with


def passage(document: str, text: str) -> Passage:
    return Passage(uuid4(), uuid4(), uuid4(), document, "notes", None, "", text, 0.1, 0.5)


def add(people: People, notes: Collection, text: str, *sources: Source) -> GoldenQuestion:
    return services.add_golden_question(user=people.alice, collection=notes, text=text, sources=sources)


def run_to_the_end(evaluation: Evaluation) -> Evaluation:
    while services.continue_evaluation(evaluation_id=evaluation.pk):
        pass
    evaluation.refresh_from_db()
    return evaluation


def test_a_run_measures_what_search_found(
    people: People, notes: Collection, documents: None, index: EmbeddingIndex, search: Any, asked: Any
) -> None:
    add(people, notes, "How many days?", Source("leave.md", "28 days"))
    add(people, notes, "Who books trips?", Source("travel.md"))
    add(people, notes, "What is the moon?")
    search({
        "How many days?": [("travel.md", "x"), ("leave.md", "You get 28 days.")],
        "What is the moon?": [("leave.md", "x")],
    })  # fmt: skip
    evaluation = run_to_the_end(services.run_evaluation(collection=notes, index=index, actor=people.alice))
    assert (evaluation.state, evaluation.done, evaluation.percent) == (EvaluationState.COMPLETE, 3, 100)
    assert asked == [("alice", text, ["notes"]) for text in ("How many days?", "Who books trips?", "What is the moon?")]
    assert [result.ranks for result in selectors.list_results(evaluation)] == [[2], [None], []]
    figures = evaluation.figures or {}
    assert (figures["recall_at_10"], figures["mrr"], figures["no_answer_accuracy"]) == (0.5, 0.25, 0.0)
    assert evaluation.setup["model"] == "tiny"
    assert AuditEvent.objects.filter(action="evaluation.started", object_id=str(evaluation.pk)).exists()


def test_slices_go_on_where_the_last_one_ended(
    people: People,
    notes: Collection,
    index: EmbeddingIndex,
    search: Any,
    asked: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in range(3):
        add(people, notes, f"Question {number}?")
    search({})
    monkeypatch.setattr(running, "SLICE_SECONDS", 0)
    evaluation = services.run_evaluation(collection=notes, index=index, actor=people.alice)
    assert services.continue_evaluation(evaluation_id=evaluation.pk)
    evaluation.refresh_from_db()
    assert (evaluation.state, evaluation.done, evaluation.percent) == (EvaluationState.RUNNING, 1, 33)
    assert services.sweep_evaluations() == [evaluation.pk]
    assert run_to_the_end(evaluation).state == EvaluationState.COMPLETE
    assert [query for _, query, _ in asked] == ["Question 0?", "Question 1?", "Question 2?"]
    assert not services.continue_evaluation(evaluation_id=evaluation.pk)
    assert services.sweep_evaluations() == []


def test_a_slice_whose_worker_died_is_taken_over(
    people: People, notes: Collection, index: EmbeddingIndex, search: Any
) -> None:
    add(people, notes, "Anything?")
    search({})
    evaluation = services.run_evaluation(collection=notes, index=index, actor=people.alice)
    held = Evaluation.objects.filter(pk=evaluation.pk)
    held.update(state=EvaluationState.RUNNING, lease=uuid4(), lease_until=Now() + timedelta(60), attempts=1)
    assert not services.continue_evaluation(evaluation_id=evaluation.pk)
    assert services.sweep_evaluations() == []
    held.update(lease_until=Now() - timedelta(seconds=1))
    assert services.sweep_evaluations() == [evaluation.pk]
    assert run_to_the_end(evaluation).state == EvaluationState.COMPLETE


def test_a_run_that_keeps_failing_says_so(
    people: People, notes: Collection, index: EmbeddingIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(**_: Any) -> list[Passage]:
        raise EmbeddingError

    monkeypatch.setattr(running, "find_passages", down)
    add(people, notes, "Anything?")
    evaluation = services.run_evaluation(collection=notes, index=index, actor=people.alice)
    for attempt in range(running.MAX_ATTEMPTS):
        assert not services.continue_evaluation(evaluation_id=evaluation.pk)
        evaluation.refresh_from_db()
        assert evaluation.state == (EvaluationState.QUEUED if attempt < 2 else EvaluationState.FAILED)
        Evaluation.objects.filter(pk=evaluation.pk).update(lease_until=None)
    assert "three times" in evaluation.error
    assert services.sweep_evaluations() == []


def test_a_run_whose_worker_dies_each_time_is_given_up(
    people: People, notes: Collection, index: EmbeddingIndex, search: Any
) -> None:
    add(people, notes, "Anything?")
    evaluation = services.run_evaluation(collection=notes, index=index, actor=people.alice)
    Evaluation.objects.filter(pk=evaluation.pk).update(
        state=EvaluationState.RUNNING, attempts=running.MAX_ATTEMPTS, lease_until=Now() - timedelta(seconds=1)
    )
    assert services.sweep_evaluations() == []
    evaluation.refresh_from_db()
    assert evaluation.state == EvaluationState.FAILED


def test_a_cancelled_run_keeps_what_it_has_and_writes_nothing_more(
    people: People, notes: Collection, index: EmbeddingIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(people, notes, "Anything?")
    add(people, notes, "More?")
    evaluation = services.run_evaluation(collection=notes, index=index, actor=people.alice)

    def cancel(**_: Any) -> list[Passage]:
        services.cancel_evaluation(user=people.alice, evaluation=evaluation)
        return []

    monkeypatch.setattr(running, "find_passages", cancel)
    assert not services.continue_evaluation(evaluation_id=evaluation.pk)
    evaluation.refresh_from_db()
    assert (evaluation.state, evaluation.done, evaluation.figures) == (EvaluationState.CANCELLED, 0, None)
    with pytest.raises(ChatappError) as caught:
        services.cancel_evaluation(user=people.alice, evaluation=evaluation)
    assert caught.value.code == "evaluation_over"


@pytest.mark.parametrize("leaves", ["the group", "the company"])
def test_b09_a_run_ends_with_the_rights_of_whoever_started_it(
    leaves: str, people: People, notes: Collection, index: EmbeddingIndex, search: Any, asked: Any
) -> None:
    add(people, notes, "Anything?")
    search({"Anything?": [("leave.md", "x")]})
    evaluation = services.run_evaluation(collection=notes, index=index, actor=people.alice)
    if leaves == "the group":
        people.alice.groups.clear()
    else:
        User.objects.filter(pk=people.alice.pk).update(is_active=False)
    assert run_to_the_end(evaluation).state == EvaluationState.FAILED
    assert "may not read the collection any more" in evaluation.error
    assert asked == []


def test_one_run_at_a_time_for_each_index(people: People, notes: Collection, index: EmbeddingIndex) -> None:
    with pytest.raises(ChatappError, match="no active golden question"):
        services.run_evaluation(collection=notes, index=index, actor=people.alice)
    question = add(people, notes, "Anything?")
    services.run_evaluation(collection=notes, index=index, actor=people.alice)
    with pytest.raises(ChatappError) as caught:
        services.run_evaluation(collection=notes, index=index, actor=people.alice)
    assert caught.value.code == "evaluation_running"
    other = EmbeddingIndex.objects.create(model="other", dimensions=3, state=IndexState.READY)
    services.run_evaluation(collection=notes, index=other, actor=people.alice)
    services.change_golden_question(user=people.alice, question=question, text="Other?", sources=[], is_active=False)
    assert set(EvaluationResult.objects.values_list("text", flat=True)) == {"Anything?"}


def test_old_runs_are_forgotten(
    people: People, notes: Collection, index: EmbeddingIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "KEPT_RUNS", 2)
    add(people, notes, "Anything?")
    runs = []
    for _ in range(3):
        runs.append(services.run_evaluation(collection=notes, index=index, actor=people.alice))
        Evaluation.objects.filter(pk=runs[-1].pk).update(
            state=EvaluationState.COMPLETE, created_at=F("created_at") - timedelta(seconds=60 - len(runs))
        )
    assert set(Evaluation.objects.values_list("pk", flat=True)) == {run.pk for run in runs[1:]}


@pytest.mark.parametrize("who", ["bob", "mallory"])
def test_only_editors_add_change_and_run(who: str, people: People, notes: Collection, index: EmbeddingIndex) -> None:
    user, question = getattr(people, who), add(people, notes, "Anything?")
    evaluation = services.run_evaluation(collection=notes, index=index, actor=people.alice)
    acts: list[Callable[[], object]] = [
        lambda: services.add_golden_question(user=user, collection=notes, text="x", sources=[]),
        lambda: services.change_golden_question(user=user, question=question, text="x", sources=[], is_active=True),
        lambda: services.delete_golden_question(user=user, question=question),
        lambda: services.import_golden_questions(user=user, collection=notes, rows=[]),
        lambda: services.run_evaluation(collection=notes, index=index, actor=user),
        lambda: services.cancel_evaluation(user=user, evaluation=evaluation),
    ]
    for act in acts:
        with pytest.raises(ChatappError) as caught:
            act()
        assert caught.value.code == "forbidden"
    assert not selectors.list_golden_questions_for(user, notes).exists()
    assert not selectors.list_evaluations_for(user).exists()
    for find, known in ((selectors.get_golden_question_for, question), (selectors.get_evaluation_for, evaluation)):
        with pytest.raises(ChatappError) as caught:
            find(user, known.pk)
        assert caught.value.code == "not_found"


@pytest.mark.parametrize(
    "text,source",
    [
        ("", None),
        ("\0 \u200b", None),
        ("x" * 501, None),
        ("x", Source("nowhere.md")),
        ("x", Source("leave.md", "q" * 501)),
    ],
)
def test_what_is_no_golden_question_is_refused(
    text: str, source: Source | None, people: People, notes: Collection, documents: None
) -> None:
    with pytest.raises(ChatappError) as caught:
        add(people, notes, text, *([source] if source else []))
    assert caught.value.code == "invalid"
    assert not GoldenQuestion.objects.exists()


def test_the_same_question_twice_is_said(people: People, notes: Collection) -> None:
    add(people, notes, "How many  days?")
    with pytest.raises(ChatappError, match="golden question of the collection already"):
        add(people, notes, "How many days?")


def test_a_document_that_is_gone_does_not_lock_its_question(people: People, notes: Collection, documents: None) -> None:
    question = add(people, notes, "How many days?", Source("leave.md"))
    notes.documents.filter(name="leave.md").delete()
    services.change_golden_question(
        user=people.alice, question=question, text="How many?", sources=[Source("leave.md")], is_active=True
    )
    question.refresh_from_db()
    assert question.text == "How many?"


def test_support_is_counted_by_collection_and_day(people: People, notes: Collection) -> None:
    version = notes.documents.create(name="a.md").versions.create(number=1, size=1, sha256="x", media_type="text/plain")
    services.record_support(citations=[(version.pk, True), (version.pk, False), (uuid4(), True)])
    services.record_support(citations=[(version.pk, True)])
    services.record_support(citations=[])
    assert CitationSupport.objects.count() == 1
    assert selectors.citation_support(notes) == (2, 3)
    CitationSupport.objects.update(day=Now() - timedelta(days=selectors.SUPPORT_DAYS + 1))
    assert selectors.citation_support(notes) == (0, 0)


def test_latest_figures_weigh_collections_by_their_questions(
    people: People, notes: Collection, index: EmbeddingIndex
) -> None:
    assert selectors.latest_figures(index) is None
    other = services.create_collection(user=people.ada, slug="other", name="Other", groups={})

    def complete(collection: Collection, answerable: int, value: float | None) -> None:
        names = ("recall_at_3", "recall_at_10", "mrr", "ndcg_at_10", "no_answer_accuracy")
        measures = dict.fromkeys(names, value)
        Evaluation.objects.create(
            collection=collection, index=index, total=answerable, setup={}, state=EvaluationState.COMPLETE,
            figures={"questions": answerable + 1, "answerable": answerable, **measures},
        )  # fmt: skip

    complete(notes, 10, 0.1)
    complete(notes, 10, 0.5)
    Evaluation.objects.filter(figures__mrr=0.1).update(created_at=Now() - timedelta(hours=1))
    complete(other, 30, 0.9)
    assert selectors.latest_figures(index) == {
        "collections": 2, "questions": 42, "recall_at_3": 0.8, "recall_at_10": 0.8, "mrr": 0.8, "ndcg_at_10": 0.8,
        "no_answer_accuracy": 0.7,
    }  # fmt: skip


def test_the_sentence_that_an_answer_used_is_quoted() -> None:
    text = "# Leave\n\nEverybody is welcome here. You receive 28 days of holiday per year. Ask Ada."
    assert (
        closest_sentence(text, "You get 28 days of holiday per year [1].") == "You receive 28 days of holiday per year."
    )
    assert closest_sentence("Nothing alike.", "xyzzy") == ""
    long = "word " * 200
    assert len(closest_sentence(long, "word")) <= 300
