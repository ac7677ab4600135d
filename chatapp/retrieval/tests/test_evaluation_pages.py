"""The pages of golden questions and evaluations through real requests."""

import csv
import io
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from chatapp.accounts.models import User
from chatapp.retrieval import services
from chatapp.retrieval.evaluation import Source
from chatapp.retrieval.models import (
    Collection,
    EmbeddingIndex,
    Evaluation,
    EvaluationState,
    GoldenQuestion,
    IndexState,
)
from chatapp.retrieval.search import Passage
from chatapp.retrieval.services import evaluation as running
from chatapp.retrieval.tests.conftest import People

HTMX = {"HX-Request": "true"}


@pytest.fixture
def index(db: None) -> EmbeddingIndex:
    return EmbeddingIndex.objects.create(model="tiny", dimensions=3, state=IndexState.READY)


@pytest.fixture
def documents(notes: Collection) -> None:
    for name in ("leave.md", "travel.md"):
        notes.documents.create(name=name)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def add(people: People, notes: Collection, text: str, *sources: Source) -> GoldenQuestion:
    return services.add_golden_question(user=people.alice, collection=notes, text=text, sources=sources)


def finished(notes: Collection, index: EmbeddingIndex, actor: User) -> Evaluation:
    run = services.run_evaluation(collection=notes, index=index, actor=actor)
    while services.continue_evaluation(evaluation_id=run.pk):
        pass
    run.refresh_from_db()
    return run


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Documents that search finds, by question."""
    answers: dict[str, list[str]] = {}

    def find(*, query: str, **_: Any) -> list[Passage]:
        names = answers.get(query, [])
        return [Passage(uuid4(), uuid4(), uuid4(), name, "notes", 2, "", "text", 0.1, 0.5) for name in names]

    monkeypatch.setattr(running, "find_passages", find)
    return answers


def test_an_empty_page_says_how_to_begin(people: People, notes: Collection) -> None:
    page = signed_in(people.alice).get(reverse("evaluation", args=["notes"])).content.decode()
    assert 'data-testid="questions-empty"' in page
    assert 'data-testid="run-evaluation"' not in page


def test_questions_are_added_changed_and_deleted(people: People, notes: Collection, documents: None) -> None:
    alice = signed_in(people.alice)
    data = {"text": "How many days?", "answered": "yes", "document": ["leave.md", ""], "quote": ["28 days", ""]}
    assert alice.post(reverse("add_golden_question", args=["notes"]), data).status_code == 302
    question = GoldenQuestion.objects.get()
    assert (question.sources, question.created_by) == ([{"document": "leave.md", "quote": "28 days"}], people.alice)
    url = reverse("golden_question", args=[question.pk])
    assert 'value="28 days"' in alice.get(url).content.decode()
    assert alice.post(url, {"text": "What is the moon?", "answered": "no", "document": ["leave.md"]}).status_code == 302
    question.refresh_from_db()
    assert (question.text, question.sources, question.is_active) == ("What is the moon?", [], False)
    response = alice.post(reverse("delete_golden_question", args=[question.pk]), headers=HTMX)
    assert response["HX-Redirect"] == reverse("evaluation", args=["notes"])
    assert not GoldenQuestion.objects.exists()


@pytest.mark.parametrize(
    "data,said",
    [
        ({"text": "", "answered": "no"}, "This field is required"),
        ({"text": "x" * 501, "answered": "no"}, "at most 500 characters"),
        ({"text": "How many?", "answered": "yes"}, "Name a document that answers the question"),
        ({"text": "How many?", "answered": "yes", "document": "gone.md"}, "no document named gone.md"),
        ({"text": "How many?", "answered": "perhaps"}, "not one of the available choices"),
        ({"text": "There already?", "answered": "no"}, "golden question of the collection already"),
    ],
)
def test_what_cannot_be_added_is_said_and_kept_in_the_form(
    data: dict[str, str], said: str, people: People, notes: Collection
) -> None:
    add(people, notes, "There already?")
    response = signed_in(people.alice).post(reverse("add_golden_question", args=["notes"]), data)
    page = response.content.decode()
    assert response.status_code == 400
    assert said in page
    assert data.get("document", "") in page
    assert GoldenQuestion.objects.count() == 1


def upload(client: Client, data: bytes) -> Any:
    return client.post(
        reverse("import_golden_questions", args=["notes"]), {"file": SimpleUploadedFile("questions.csv", data)}
    )


def test_a_file_is_imported_and_exported_again(people: People, notes: Collection, documents: None) -> None:
    alice = signed_in(people.alice)
    lines = "\ufeffQuestion;Document;Quote\r\nHow many?;leave.md;28 days\r\nHow many?;travel.md;\r\nThe moon?;;\r\n\r\n"
    assert upload(alice, lines.encode()).status_code == 302
    found = dict(GoldenQuestion.objects.values_list("text", "sources"))
    assert [len(found[text]) for text in ("How many?", "The moon?")] == [2, 0]
    assert upload(alice, b"question,document\nHow many?,leave.md\n").status_code == 302
    assert GoldenQuestion.objects.get(text="How many?").sources == [{"document": "leave.md", "quote": ""}]
    add(people, notes, "=1+1", Source("leave.md", "@sum"))
    exported = alice.get(reverse("export_golden_questions", args=["notes"])).content
    rows = list(csv.reader(io.StringIO(exported.decode())))
    assert rows[:2] == [["question", "document", "quote", "fact"], ["'=1+1", "leave.md", "'@sum", ""]]
    before = sorted(GoldenQuestion.objects.values_list("text", flat=True))
    GoldenQuestion.objects.all().delete()
    assert upload(alice, exported).status_code == 302
    assert sorted(GoldenQuestion.objects.values_list("text", flat=True)) == before


def test_facts_are_written_in_the_form_and_survive_a_file_without_them(
    people: People, notes: Collection, documents: None
) -> None:
    alice, question = signed_in(people.alice), add(people, notes, "How many?", Source("leave.md"))
    fields = {"text": question.text, "answered": "yes", "document": "leave.md", "quote": "", "is_active": "on"}
    page = reverse("golden_question", args=[question.pk])
    assert alice.post(page, {**fields, "facts": " 28 days | four weeks \n\n|\npaid\n"}).status_code == 302
    question.refresh_from_db()
    assert question.facts == ["28 days | four weeks", "paid"]
    assert "28 days | four weeks" in alice.get(page).content.decode()
    file = alice.get(reverse("export_golden_questions", args=["notes"])).content
    assert file.decode().count("leave.md") == 2  # One line for each fact.
    assert upload(alice, b"question,document\nHow many?,leave.md\n").status_code == 302
    question.refresh_from_db()
    assert question.facts == ["28 days | four weeks", "paid"]
    GoldenQuestion.objects.filter(pk=question.pk).update(facts=[])
    assert upload(alice, file).status_code == 302
    question.refresh_from_db()
    assert (question.facts, len(question.sources)) == (["28 days | four weeks", "paid"], 1)
    for facts in ("x" * 201, "\n".join(map(str, range(11)))):
        assert alice.post(page, {**fields, "facts": facts}).status_code == 400
    assert alice.post(page, {**fields, "answered": "no", "facts": "28 days"}).status_code == 302
    question.refresh_from_db()
    assert question.facts == []


@pytest.mark.parametrize(
    "data,said",
    [
        (b"", "the first line must name the columns"),
        (b"frage,antwort\nx,y\n", "the first line must name the columns"),
        (b"question,document\n", "the file has no question"),
        (b"question,document\nx,gone.md\ny,\n,leave.md\n", "Line 2: there is no document named gone.md"),
        (b"question,document\nx,gone.md\ny,\n,leave.md\n", "Line 4: a question has 1 to 500 characters"),
        (b"question,document,quote\nx,,words\n", "Line 2: a quote needs the document"),
        (b"question\n\xff\xfe\n", "not UTF-8"),
        (b'question\n"' + b"x" * 200_000 + b'"\n', "is no CSV"),
        (b"question\n" + b"x\n" * 5_001, "more than 5,000 lines"),
        (b"question\n" + b"".join(b"q%d\n" % n for n in range(1_001)), "1,000 questions are the most"),
        (b"question\n" + b"x" * 1_000_001, "larger than the limit of 1 MB"),
    ],
)
def test_a_bad_file_changes_nothing_and_names_its_lines(
    data: bytes, said: str, people: People, notes: Collection, documents: None
) -> None:
    response = upload(signed_in(people.alice), data)
    assert response.status_code == 400
    assert said in response.content.decode()
    assert not GoldenQuestion.objects.exists()


def test_a_run_is_started_followed_and_cancelled(
    people: People, notes: Collection, documents: None, index: EmbeddingIndex, found: Any
) -> None:
    add(people, notes, "How many days?", Source("leave.md"))
    alice = signed_in(people.alice)
    response = alice.post(reverse("run_evaluation", args=["notes"]), {"index": index.pk})
    run = Evaluation.objects.get()
    assert response["Location"] == reverse("evaluation_run", args=[run.pk])
    page = alice.get(response["Location"], headers=HTMX).content.decode()
    assert "data-poll" in page
    assert "Waiting for a worker" in page
    assert "<html" not in page
    assert alice.post(reverse("run_evaluation", args=["notes"]), {"index": index.pk}).status_code == 409
    assert alice.post(reverse("cancel_evaluation", args=[run.pk])).status_code == 302
    page = alice.get(response["Location"]).content.decode()
    assert "data-poll" not in page
    assert "cancelled after 0 of 1 questions" in page


def test_a_finished_run_shows_figures_and_what_went_wrong(
    people: People, notes: Collection, documents: None, index: EmbeddingIndex, found: dict[str, list[str]]
) -> None:
    add(people, notes, "How many days?", Source("leave.md", "text"))
    add(people, notes, "Who books?", Source("travel.md"))
    found["How many days?"] = ["travel.md", "leave.md"]
    alice, run = signed_in(people.alice), finished(notes, index, people.alice)
    url = reverse("evaluation_run", args=[run.pk])
    page = alice.get(url).content.decode()
    assert page.count('data-testid="answer-row"') == 2
    assert "Found at 2" in page
    assert "Not found" in page
    wrong = alice.get(f"{url}?show=wrong").content.decode()
    assert wrong.count('data-testid="answer-row"') == 1
    assert "Who books?" in wrong
    page = alice.get(reverse("evaluation", args=["notes"])).content.decode()
    assert "Found at 2" in page
    assert 'data-state="complete"' in page


def test_two_runs_are_compared_question_by_question(
    people: People, notes: Collection, documents: None, index: EmbeddingIndex, found: dict[str, list[str]]
) -> None:
    for text in ("Better?", "Worse?", "Same?"):
        add(people, notes, text, Source("leave.md"))
    found.update({"Worse?": ["leave.md"], "Better?": ["travel.md", "leave.md"]})
    before = finished(notes, index, people.alice)
    add(people, notes, "New?")
    found.update({"Worse?": ["travel.md", "leave.md"], "Better?": ["leave.md"]})
    after = finished(notes, index, people.alice)
    url = reverse("compare_evaluations", args=["notes"])
    page = signed_in(people.alice).get(f"{url}?before={before.pk}&after={after.pk}").content.decode()
    assert [page.count(f'data-kind="{kind}"') for kind in ("better", "worse", "only one", "same")] == [1, 1, 1, 0]
    assert page.index("Worse?") < page.index("Better?")
    assert "1 the same" in page


@pytest.mark.parametrize("query", ["before=", "before=x&after=y", f"before={uuid4()}&after={uuid4()}"])
def test_odd_comparisons_are_not_found(query: str, people: People, notes: Collection) -> None:
    url = reverse("compare_evaluations", args=["notes"])
    assert signed_in(people.alice).get(f"{url}?{query}").status_code == 404


def test_runs_of_another_collection_are_not_compared(people: People, notes: Collection, index: EmbeddingIndex) -> None:
    other = services.create_collection(user=people.ada, slug="other", name="Other", groups={"engineering": "editor"})
    for collection in (notes, other):
        services.add_golden_question(user=people.alice, collection=collection, text="x", sources=[])
    mine, foreign = (
        services.run_evaluation(collection=collection, index=index, actor=people.alice) for collection in (notes, other)
    )
    url = reverse("compare_evaluations", args=["notes"])
    assert signed_in(people.alice).get(f"{url}?before={mine.pk}&after={foreign.pk}").status_code == 404


@pytest.mark.parametrize("index_id", ["0", "x", "32767", "99999999"])
def test_an_index_that_is_none_is_not_found(index_id: str, people: People, notes: Collection) -> None:
    add(people, notes, "x")
    url = reverse("run_evaluation", args=["notes"])
    response = signed_in(people.alice).post(url, {"index": index_id})
    assert response.status_code == (302 if index_id == "0" else 404)


def ways(notes: Collection, question: GoldenQuestion, run: Evaluation) -> list[tuple[str, str]]:
    names = ("add_golden_question", "import_golden_questions", "run_evaluation")
    return [
        *(("get", reverse(name, args=["notes"])) for name in ("evaluation", "export_golden_questions")),
        *(("post", reverse(name, args=["notes"])) for name in names),
        ("get", f"{reverse('compare_evaluations', args=['notes'])}?before={run.pk}&after={run.pk}"),
        ("get", reverse("golden_question", args=[question.pk])),
        ("post", reverse("golden_question", args=[question.pk])),
        ("post", reverse("delete_golden_question", args=[question.pk])),
        ("get", reverse("evaluation_run", args=[run.pk])),
        ("post", reverse("cancel_evaluation", args=[run.pk])),
    ]


def test_readers_and_strangers_get_nothing(people: People, notes: Collection, index: EmbeddingIndex) -> None:
    question = add(people, notes, "zanzibar")
    run = services.run_evaluation(collection=notes, index=index, actor=people.alice)
    for user, of_collection in ((people.bob, 403), (people.mallory, 404)):
        client = signed_in(user)
        for method, url in ways(notes, question, run):
            response = getattr(client, method)(url)
            assert response.status_code == (of_collection if "/collections/" in url else 404), url
            assert "zanzibar" not in response.content.decode()
    run.refresh_from_db()
    assert run.state == EvaluationState.QUEUED
    assert GoldenQuestion.objects.count() == 1


def test_the_page_asks_no_more_for_many_questions(
    people: People,
    notes: Collection,
    documents: None,
    index: EmbeddingIndex,
    found: Any,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    alice = signed_in(people.alice)
    url = reverse("evaluation", args=["notes"])
    for number in range(20):
        add(people, notes, f"Question {number}?", Source("leave.md"))
    for _ in range(3):
        finished(notes, index, people.alice)
    alice.get(url)
    with django_assert_max_num_queries(24):
        page = alice.get(url).content.decode()
    assert page.count('data-testid="question-row"') == 20
