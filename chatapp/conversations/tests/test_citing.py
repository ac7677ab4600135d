"""Citations on the answer path and on the page: while the answer runs, what is weak, and for whom sources are open."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from chatapp.accounts.models import User
from chatapp.api.openai.answers import Answer
from chatapp.conversations import selectors
from chatapp.conversations.models import Generation, Source, Status
from chatapp.conversations.pipeline import answer as answering
from chatapp.conversations.pipeline import writing
from chatapp.conversations.pipeline.grounding import Grounds
from chatapp.conversations.rendering import is_shown, render_turn
from chatapp.conversations.services import decide_flag
from chatapp.conversations.streams.flusher import Flusher
from chatapp.conversations.tests.answering import Answerer
from chatapp.conversations.tests.test_reply import entries_of, shown
from chatapp.inference.models import ModelVersion
from chatapp.inference.testing import ScriptedModel
from chatapp.moderation.models import Flag
from chatapp.moderation.services import claim_flag, create_policy_version
from chatapp.moderation.texts import MASK_TEXT
from chatapp.retrieval import citations, services
from chatapp.retrieval.embedding import EmbeddingError
from chatapp.retrieval.models import Chunk, CitationSupport, Document, DocumentVersion
from chatapp.retrieval.search import Passage
from chatapp.retrieval.services import delete_document

pytestmark = pytest.mark.django_db(transaction=True)
QUOTE = "Every employee receives 28 days of paid holiday."
PIECES = ["Hello. Everyone", " gets 28 days", " [", "1", "]. Alcohol is", " free here [", "7", "]. It is", " so [1]."]
TEXT = "Hello. Everyone gets 28 days [1]. Alcohol is free here. [1] It is so [1]."


@pytest.fixture
def document(ada: User) -> Document:
    """In a collection of the staff; read without the embedding model."""
    collection = services.create_collection(user=ada, slug="handbook", name="Handbook", groups={"staff": "reader"})
    document = Document.objects.create(collection=collection, name="leave.md", status="ready")
    version = DocumentVersion.objects.create(
        document=document, number=1, file="none", media_type="text/markdown", size=1
    )
    Chunk.objects.create(version=version, collection=collection, ordinal=0, text=QUOTE, heading="Leave at home")
    return document


@pytest.fixture
def passages(document: Document, monkeypatch: pytest.MonkeyPatch) -> list[Passage]:
    chunk = Chunk.objects.get(version__document=document)
    found = [
        Passage(chunk.id, document.id, chunk.version_id, document.name, "handbook", None, "Leave", QUOTE, 0.03, 0.6)
    ]
    monkeypatch.setattr(answering, "ground", lambda *_: Grounds(found))
    monkeypatch.setattr(citations, "find_source", lambda sentence, *_: 1 if "Alcohol" in sentence else None)
    monkeypatch.setattr(writing, "find_weak", lambda claims, *_, **__: [c for c in claims if "Alcohol" in c.sentence])
    return found


@pytest.fixture
def answer(scripted: ModelVersion) -> Iterator[Answerer]:
    model = ScriptedModel(tokens=PIECES, rate=500)
    answerer = Answerer(Flusher(), model)
    yield answerer
    answerer.flusher.close()
    model.close()


@pytest.fixture
def answered(alice: User, answer: Answerer, passages: list[Passage]) -> Generation:
    return answer(alice, collections=None)


def test_what_a_check_found_is_marked_where_it_stands_in_the_cited_answer(
    alice: User, mona: User, answer: Answerer, passages: list[Passage]
) -> None:
    check = {"kind": "pattern", "stage": "output", "action": "flag", "severity": "medium", "patterns": ["is so"]}
    create_policy_version(user=None, name="company", checks=[check], activate=True)
    generation = answer(alice, collections=None)
    flag = Flag.objects.get()
    assert [TEXT[start:end] for start, end in flag.spans] == ["is so"]
    claim_flag(user=mona, flag_id=flag.id)
    decide_flag(user=mona, flag_id=flag.id, decision="uphold", reason="No.", effects=["mask"])
    generation.message.refresh_from_db()
    assert generation.message.text == TEXT.replace("is so", MASK_TEXT)


def test_what_is_stored_was_streamed(alice: User, answered: Generation) -> None:
    assert answered.status == Status.COMPLETE
    assert answered.message.text == shown(entries_of(answered)) == TEXT
    assert list(Source.objects.values_list("n", "cited")) == [(1, True)]
    assert answered.message.weak_citations == [TEXT.index("[1] It")]
    assert CitationSupport.objects.values_list("cited", "supported").get() == (3, 2)


def test_a_weak_citation_is_told_from_the_others(alice: User, answered: Generation) -> None:
    turn = selectors.get_turn_for(alice, answered.message_id)
    html = render_turn(turn, user=alice)
    assert html.count('class="citation citation-weak"') == 1
    assert html.count('aria-label="Source 1, weak support"') == 1
    assert html.count('aria-label="Source 1"') == 2
    assert "without being borne out" in html
    assert not is_shown(turn, text=TEXT, html="")
    assert selectors.weak_sources(turn.message) == {1}


def test_the_api_says_which_citation_is_supported(alice: User, answered: Generation) -> None:
    (citation,) = Answer(alice, answered).citations
    assert (citation["n"], citation["quote"], citation["supported"]) == (1, QUOTE, False)


def test_a19_who_lost_the_right_sees_the_words_no_more(alice: User, answered: Generation) -> None:
    def page() -> str:
        return render_turn(selectors.get_turn_for(alice, answered.message_id), user=alice)

    assert QUOTE in page()
    assert "Leave at home" in page()
    alice.groups.remove(Group.objects.get(name="staff"))
    assert QUOTE not in page()
    assert "Leave at home" not in page()
    assert "/knowledge/" not in page()
    assert "You can no longer see this document." in page()
    (citation,) = Answer(alice, answered).citations
    assert [citation[key] for key in ("document", "document_version", "quote", "url")] == [None] * 4


def test_a19_nor_does_a_deletion_bring_them_back(
    alice: User, ada: User, answered: Generation, document: Document
) -> None:
    alice.groups.remove(Group.objects.get(name="staff"))
    delete_document(user=ada, document=document)
    html = render_turn(selectors.get_turn_for(alice, answered.message_id), user=alice)
    assert QUOTE not in html
    assert "The document has been deleted since." in html


def test_sources_are_open_while_the_answer_runs(alice: User, mallory: User, answered: Generation) -> None:
    Generation.objects.filter(id=answered.id).update(status=Status.ANSWERING)
    address = f"/c/{answered.message.conversation_id}/messages/{answered.message_id}/sources/"
    assert Client().get(address).status_code == 302
    client = Client(raise_request_exception=False)
    client.force_login(mallory)
    assert client.get(address).status_code == 404
    client.force_login(alice)
    response = client.get(address)
    assert QUOTE in response.content.decode()
    assert f'id="source-{answered.message_id}-1"' in response.content.decode()
    assert client.get(address.replace(str(answered.message_id), str(uuid4()))).status_code == 404
    assert client.post(address).status_code == 405


def test_without_the_embedding_model_the_answer_comes_all_the_same(
    alice: User, answer: Answerer, passages: list[Passage], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise EmbeddingError

    monkeypatch.setattr(citations, "find_source", fail)
    monkeypatch.setattr(writing, "find_weak", fail)
    generation = answer(alice, collections=None)
    assert generation.status == Status.COMPLETE
    assert generation.message.text == TEXT.replace(". [1] It", ". It")
    assert Source.objects.get().cited


def test_without_passages_the_text_goes_through(alice: User, answer: Answerer) -> None:
    tokens = [f"t{number:06d} " for number in range(50)]
    answer.model = ScriptedModel(tokens=tokens, rate=5000)
    generation = answer(alice)
    answer.model.close()
    assert generation.message.text == shown(entries_of(generation)) == "".join(tokens)
