"""Why an answer is as it is: what is kept of it, and who is told what."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client

from chatapp.accounts.models import User
from chatapp.conversations.explaining import words
from chatapp.conversations.explaining.selectors import explain_answer_for, explain_own_answer
from chatapp.conversations.models import Conversation, Generation
from chatapp.conversations.pipeline import grounding
from chatapp.conversations.services import delete_conversation, store_trace
from chatapp.conversations.streams.flusher import Flusher
from chatapp.conversations.tests.answering import Answerer
from chatapp.conversations.trace_models import AnswerTrace
from chatapp.errors import ChatappError
from chatapp.inference.models import ModelVersion, PilotMember, Route, RouteArm
from chatapp.inference.services import RuleSpec, configure_route, start_rollout
from chatapp.inference.testing import ScriptedModel
from chatapp.retrieval import services
from chatapp.retrieval.models import Chunk, Document, DocumentVersion
from chatapp.retrieval.search import Passage, SearchTrace
from chatapp.retrieval.search.passages import Candidate
from chatapp.retrieval.search.trace import Fate, Judged
from tests.people import make_person
from tests.versions import make_version

pytestmark = pytest.mark.django_db(transaction=True)
QUESTION = "How many days of paid holiday do I get?"
SECRET = "Every employee receives 28 days of paid holiday."


@pytest.fixture
def answer(scripted: ModelVersion) -> Iterator[Answerer]:
    model, flusher = ScriptedModel(tokens=["You get ", "28 days."], rate=5000), Flusher()
    yield Answerer(flusher, model)
    flusher.close()
    model.close()


@pytest.fixture
def found(ada: User, monkeypatch: pytest.MonkeyPatch) -> list[Judged]:
    """What search finds, without the embedding model: one passage that is given, one below the floor."""
    judged = []
    for number, (slug, fate) in enumerate([("handbook", Fate.GIVEN), ("sales", Fate.BELOW_FLOOR)]):
        group = "staff" if slug == "handbook" else Group.objects.get_or_create(name="sales")[0].name
        collection = services.create_collection(user=ada, slug=slug, name=slug, groups={group: "reader"})
        document = Document.objects.create(collection=collection, name=f"{slug}.md", status="ready")
        version = DocumentVersion.objects.create(
            document=document, number=1, file="none", media_type="text/markdown", size=1
        )
        chunk = Chunk.objects.create(version=version, collection=collection, ordinal=0, text=SECRET, heading="Leave")
        passage = Passage(chunk.id, document.id, version.id, document.name, slug, 3, "Leave", SECRET, 0.9, 0.61)
        judged.append(Judged(Candidate(passage, frozenset({"holiday"}), 3, number + 1, None, 1.5), fate))

    def find_passages(*, query: str, observe: Callable[[SearchTrace], None], **_: Any) -> list[Passage]:
        trace = SearchTrace(query, model="small", readable=1234, judged=judged, given=judged[:1])
        observe(trace)
        return trace.passages

    monkeypatch.setattr(grounding, "find_passages", find_passages)
    return judged


def client_of(name: str) -> Client:
    client = Client()
    client.force_login(User.objects.filter(username=name).first() or make_person(name))
    return client


def page(client: Client, generation: Generation) -> str:
    response = client.get(f"/generations/{generation.id}/why/", headers={"HX-Request": "true"})
    assert response.status_code == 200
    return response.content.decode()


def test_an_answer_keeps_what_it_was_made_of_and_no_text(alice: User, answer: Answerer, found: list[Judged]) -> None:
    generation = answer(alice, QUESTION, collections=None)
    facts = json.loads(AnswerTrace.objects.get(generation=generation).facts)
    assert facts["tried"] == ["scripted"]
    assert facts["search"]["readable"] == 1234
    assert facts["search"]["fates"] == {"given": 1, "surplus": 0, "below_floor": 1, "duplicate": 0}
    assert [row["similarity"] for row in facts["search"]["passages"]] == [0.61, 0.61]
    assert min(facts["prompt"][part] for part in ("system", "documents", "question")) > 0
    assert {"question", "search", "prompt", "writing"} <= facts["milliseconds"].keys()
    stored = json.dumps(facts)
    for text in (QUESTION, SECRET, "28 days", "handbook", "Leave", "holiday"):
        assert text not in stored


def test_what_is_kept_is_encrypted_and_goes_with_the_conversation(alice: User, answer: Answerer) -> None:
    generation = answer(alice)
    with connection.cursor() as cursor:
        cursor.execute("SELECT facts FROM conversations_answertrace")
        assert "milliseconds" not in cursor.fetchone()[0]
    delete_conversation(user=alice, conversation_id=generation.message.conversation_id)
    assert not AnswerTrace.objects.exists()
    store_trace(generation_id=generation.id, facts={})  # Too late: nothing is left to explain.
    assert not AnswerTrace.objects.exists()


def test_who_asked_is_told_in_plain_words(alice: User, answer: Answerer, found: list[Judged]) -> None:
    generation = answer(alice, QUESTION, collections=None)
    told = page(client_of("alice"), generation)
    assert "scripted answers on the route default." in told
    assert f"Searched for: “{QUESTION}”" in told
    assert "1,234 passages were searched: those that you may read." in told
    assert "1 left out: not close enough to the question." in told
    assert "handbook.md, page 3" in told
    assert "61 % alike" in told
    assert "sales.md" not in told  # She may not read it.
    assert "Waiting in the queue" in told
    whole = client_of("alice").get(f"/generations/{generation.id}/why/").content.decode()
    assert "<h1>Why this answer</h1>" in whole
    assert f'hx-get="/generations/{generation.id}/why/"' in (
        client_of("alice").get(f"/c/{generation.message.conversation_id}/").content.decode()
    )


def test_what_was_searched_for_follows_the_question_as_it_stands(
    alice: User, answer: Answerer, found: list[Judged]
) -> None:
    generation = answer(alice, QUESTION, collections=None)
    question = generation.message.parent
    assert question is not None
    question.text = "How many [masked] do I get?"
    question.save()
    assert explain_own_answer(alice, generation.id).query == "How many [masked] do I get?"


def test_operators_see_figures_and_no_text(answer: Answerer, found: list[Judged], bob: User) -> None:
    path = f"/console/answers/{answer(bob, QUESTION, collections=None).id}/"
    refused = {name: client_of(name).get(path).status_code for name in ("bob", "mallory", "mona")}
    assert refused == {"bob": 404, "mallory": 404, "mona": 403}
    shown = client_of("oscar").get(path).content.decode()
    assert shown.count('data-testid="answer-passage"') == 2
    assert "A document that you may not read" in shown
    assert "0.61" in shown
    for text in (QUESTION, SECRET, "28 days", "sales.md"):
        assert text not in shown


def test_a_stranger_gets_what_an_answer_that_never_was_would_give(alice: User, answer: Answerer) -> None:
    generation = answer(alice)
    for name in ("mallory", "bob", "oscar"):
        assert client_of(name).get(f"/generations/{generation.id}/why/").status_code == 404
    assert client_of("mallory").get(f"/generations/{uuid4()}/why/").status_code == 404
    assert Client().get(f"/generations/{generation.id}/why/").status_code == 302
    assert client_of("oscar").get(f"/console/answers/{uuid4()}/").status_code == 404


def test_of_a_temporary_chat_operators_are_told_nothing(alice: User, answer: Answerer, oscar: User) -> None:
    generation = answer(alice)
    Conversation.objects.update(expires_at=generation.deadline_at)
    assert explain_own_answer(alice, generation.id).facts
    with pytest.raises(ChatappError) as hidden:
        explain_answer_for(oscar, generation.id)
    assert hidden.value.code == "not_found"


class TestWhichModel:
    def told(self, user: User, generation: Generation) -> list[str]:
        return words.choice(explain_own_answer(user, generation.id))

    def test_a_rule(self, alice: User, answer: Answerer, scripted: ModelVersion) -> None:
        small = make_version("small")
        configure_route(
            user=None,
            name="default",
            version=scripted,
            rules=[RuleSpec(version=small, choice="fast", max_characters=90)],
        )
        Conversation.objects.create(id=(conversation := uuid4()), owner=alice, choice="fast")
        generation = answer(alice, conversation_id=conversation)
        assert self.told(alice, generation) == [
            "A rule of the route default sends such questions to small: choice fast, at most 90 characters."
        ]

    def test_a_rollout(self, alice: User, answer: Answerer) -> None:
        rollout = start_rollout(
            user=None, route=Route.DEFAULT, kind="canary", candidate=make_version("new"), stages=[{"share": 0.01}]
        )
        assert self.told(alice, answer(alice)) == [
            "new was tried with 0.01 % of the people, and this answer is by the model that the others have."
        ]
        PilotMember.objects.create(user=alice)
        assert self.told(alice, answer(alice)) == [
            "new is new here. Those who try new models first have it before all others."
        ]
        PilotMember.objects.all().delete()
        RouteArm.objects.filter(rollout=rollout).update(ends_at=10_000)
        assert self.told(alice, answer(alice)) == [
            "new was tried with 0.01 % of the people, drawn by chance, and this answer is one of it."
        ]

    def test_a_fallback(self, alice: User, answer: Answerer) -> None:
        generation = answer(alice)
        Generation.objects.update(fallback_from=make_version("first"))
        assert self.told(alice, generation)[-1] == "first could not answer, so scripted did."

    def test_without_what_was_kept_the_page_says_so(self, alice: User, answer: Answerer) -> None:
        generation = answer(alice)
        AnswerTrace.objects.all().delete()
        assert "Nothing more was kept" in page(client_of("alice"), generation)


def test_an_explanation_costs_few_queries(
    alice: User, answer: Answerer, found: list[Judged], django_assert_max_num_queries: Any
) -> None:
    generation = answer(alice, QUESTION, collections=None)
    make_person("bob")
    with django_assert_max_num_queries(14):
        explain_own_answer(alice, generation.id)
