"""Why something was found: the page of a search, with the rights of whoever asks."""

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from chatapp.accounts.models import Role, User
from chatapp.errors import ChatappError
from chatapp.retrieval import client, services
from chatapp.retrieval.embedding import EMBEDDING_DIMENSIONS
from chatapp.retrieval.explaining import Explanation, explain_question
from chatapp.retrieval.models import Collection
from chatapp.retrieval.search import find
from chatapp.retrieval.services import processing
from chatapp.retrieval.tasks import explain_search
from chatapp.retrieval.tests.conftest import People, Upload
from chatapp.retrieval.views import searching

URL = "/knowledge/search/"
GUIDE = b"# Pump\n\nThe pump runs at four bar. Check its seal each week."


def vector(*head: float) -> list[float]:
    return [*head, *[0.0] * (EMBEDDING_DIMENSIONS - len(head))]


@pytest.fixture(autouse=True)
def quick_embedder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every passage lies in one direction; a question about the moon lies across."""
    monkeypatch.setattr(processing, "embed_texts", lambda texts, **_: [vector(1.0)] * len(texts))
    monkeypatch.setattr(find, "embed_query", lambda text, **_: vector(0.0, 1.0) if "moon" in text else vector(0.8, 0.6))


@pytest.fixture(autouse=True)
def worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """The task runs here, in the test's own transaction."""

    class Result:
        def __init__(self, value: Any) -> None:
            self.value = value

        def get(self, **_: Any) -> Any:
            return self.value

        def forget(self) -> None: ...

    monkeypatch.setattr(explain_search, "delay", lambda *arguments: Result(explain_search(*arguments)))


def signed_in(user: User) -> Client:
    found = Client()
    found.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return found


def page_of(user: User, **query: str) -> str:
    response = signed_in(user).get(URL, query)
    assert response.status_code == 200
    return response.content.decode()


def test_a_page_without_a_question_is_a_form(people: People, notes: Collection) -> None:
    page = page_of(people.bob)
    assert 'data-testid="search-form"' in page
    assert '<option value="notes">Notes</option>' in page
    assert "search-result" not in page
    assert '<option value="notes">' not in page_of(people.mallory)


def test_what_is_found_is_shown_with_its_reason(people: People, notes: Collection, upload: Upload) -> None:
    document = upload("pump.md", GUIDE)
    page = page_of(people.bob, q="How many bar does the pump run at?")
    assert "1 passage would be given" in page
    assert "Given as 1" in page
    assert "Above the floor of 0.54: similarity 0.80 and 3 of 4 words make 1.10." in page
    assert f'href="/knowledge/documents/{document.pk}/#passage-0"' in page
    assert "ms</dd>" in page


def test_what_the_floor_removed_is_shown_with_what_it_lacks(people: People, notes: Collection, upload: Upload) -> None:
    upload("pump.md", GUIDE)
    page = page_of(people.bob, q="moon cheese")
    assert "Nothing counts as found" in page
    assert 'data-fate="below_floor"' in page
    assert "Below the floor of 0.54: similarity 0.00 and 0 of 2 words make 0.00." in page


def test_a14_rights_hold_and_only_some_learn_how_much_they_remove(
    people: People, notes: Collection, upload: Upload
) -> None:
    upload("pump.md", GUIDE)
    page = page_of(people.mallory, q="pump")
    assert "There is no passage that you may read here" in page
    assert "pump.md" not in page
    assert 'data-testid="withheld"' not in page
    assert 'data-testid="withheld"' not in page_of(people.alice, q="pump")
    editor = User.objects.create_user(username="kim", roles=[Role.KNOWLEDGE_EDITOR.value])
    page = page_of(editor, q="pump")
    assert 'data-testid="withheld">1</dd>' in page
    assert "pump.md" not in page


def test_an_earlier_question_is_read_along(people: People, notes: Collection, upload: Upload) -> None:
    upload("pump.md", GUIDE)
    page = page_of(people.bob, q="and its seal?", earlier="How does the pump run?")
    assert 'data-testid="rewrites"' in page
    assert "How does the pump run? and its seal?" in page
    page = page_of(people.bob, q="And on the moon?", earlier="moon")
    assert page.count("Found nothing") == 1


def test_only_the_chosen_collection_is_searched(people: People, notes: Collection, upload: Upload) -> None:
    upload("pump.md", GUIDE)
    services.create_collection(user=people.ada, slug="other", name="Other", groups={"sales": "reader"})
    assert "Nothing counts as found" in page_of(people.bob, q="pump", collection="other")
    assert "Given as 1" in page_of(people.bob, q="pump", collection="notes")


@pytest.mark.parametrize("slug", ["notes", "never", "x\0y"])
def test_a09_a_foreign_collection_is_as_good_as_none(slug: str, people: People, notes: Collection) -> None:
    assert signed_in(people.mallory).get(URL, {"q": "pump", "collection": slug}).status_code == 404


@pytest.mark.parametrize("query", [{"q": "x" * 2_001}, {"q": "x", "earlier": "y" * 2_001}, {"q": "a\0b"}])
def test_a_question_that_cannot_be_searched_is_said(query: dict[str, str], people: People) -> None:
    response = signed_in(people.bob).get(URL, query)
    assert response.status_code == 400
    assert 'data-testid="error"' in response.content.decode()


def test_a_search_that_is_down_keeps_the_form(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(**_: Any) -> Any:
        raise ChatappError("search_unavailable")

    monkeypatch.setattr(searching, "lookup_explanation", down)
    response = signed_in(people.bob).get(URL, {"q": "How many bar?"})
    assert response.status_code == 503
    page = response.content.decode()
    assert 'data-testid="search-problem"' in page
    assert 'value="How many bar?"' in page


def test_searches_of_the_page_count_as_requests(people: People, settings: Any) -> None:
    settings.REQUESTS_PER_MINUTE = 2
    bob = signed_in(people.bob)
    assert [bob.get(URL, {"q": "x"}).status_code for _ in range(3)] == [200, 200, 429]
    assert bob.get(URL).status_code == 200


def test_a_closed_account_learns_nothing(people: People) -> None:
    assert explain_search(str(uuid4()), "pump", [], None, 3) is None
    User.objects.filter(pk=people.bob.pk).update(is_active=False)
    with pytest.raises(ChatappError) as caught:
        client.lookup_explanation(user=people.bob, question="pump", earlier=[], collections=None, k=3)
    assert caught.value.code == "search_unavailable"


def test_duplicates_and_what_is_not_needed_are_told_apart(people: People, notes: Collection, upload: Upload) -> None:
    upload("pump.md", GUIDE)
    upload("copy.md", GUIDE)
    upload("other.md", b"# Valve\n\nThe valve opens at nine bar. Nobody may touch it.")
    found = explain_question(user=people.bob, question="pump bar", earlier=[], collections=None, k=1)
    explanation = Explanation.from_dict(found)
    fates = sorted(one.row["fate"] for one in explanation.candidates)
    assert fates == ["duplicate", "given", "surplus"]
    assert [one.row["near_rank"] for one in explanation.near] == [1, 2, 3]
    assert {one.row["document_name"] for one in explanation.words} == {"pump.md", "copy.md", "other.md"}
    repeated = next(one for one in explanation.candidates if one.row["fate"] == "duplicate")
    assert repeated.reason.startswith("It repeats a better passage of ")
    assert reverse("document", args=[repeated.row["document_id"]]) in repeated.url
