"""From an answer to a golden question: for whom, with which sources, and what is said."""

import json
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from chatapp.accounts.models import User
from chatapp.conversations import services
from chatapp.conversations.models import Message, MessageRole, Source
from chatapp.conversations.selectors import get_turn_for
from chatapp.conversations.services import post_message
from chatapp.errors import ChatappError
from chatapp.inference.models import ModelVersion
from chatapp.retrieval.models import Collection, Document, DocumentVersion, GoldenQuestion
from chatapp.retrieval.services import create_collection

pytestmark = pytest.mark.django_db
QUOTE = "Everybody is welcome. You receive 28 days of holiday per year."


@pytest.fixture
def handbook(ada: User) -> Collection:
    return create_collection(user=ada, slug="handbook", name="Handbook", groups={"engineering": "editor"})


def cite(message: Message, collection: Collection, n: int, *, cited: bool = True) -> Source:
    document = Document.objects.create(collection=collection, name=f"{collection.slug}-{n}.md")
    version = DocumentVersion.objects.create(document=document, number=1, size=1, media_type="text/plain")
    return Source.objects.create(
        message=message, n=n, document_version=version, document_name=document.name, quote=QUOTE, cited=cited
    )


@pytest.fixture
def answer(alice: User, scripted: ModelVersion, handbook: Collection) -> Message:
    """To alice, who edits the handbook; it cites one passage of two."""
    generation = post_message(user=alice, text="How many days?", message_id=uuid4(), conversation_id=None)
    generation.status, generation.message.text = "complete", "You get 28 days of holiday per year [1]."
    generation.save()
    generation.message.save()
    cite(generation.message, handbook, 1)
    cite(generation.message, handbook, 2, cited=False)
    return generation.message


def url_of(message: Message) -> str:
    return reverse("keep_question", args=[message.conversation_id, message.pk])


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_one_click_keeps_the_question_with_what_the_answer_cites(alice: User, answer: Message) -> None:
    client = signed_in(alice)
    page = client.get(reverse("conversation", args=[answer.conversation_id])).content.decode()
    assert 'data-testid="keep-question"' in page
    response = client.post(url_of(answer), headers={"HX-Request": "true"})
    assert response.status_code == 204
    said = json.loads(response["HX-Trigger"])["toast"]["text"]
    assert said == "Added to the golden questions of Handbook, whose editors can read it."
    question = GoldenQuestion.objects.get()
    assert (question.text, question.origin, question.created_by) == ("How many days?", "answer", alice)
    assert question.sources == [{"document": "handbook-1.md", "quote": "You receive 28 days of holiday per year."}]
    response = client.post(url_of(answer), headers={"HX-Request": "true"})
    assert response.status_code == 409
    assert "golden question of the collection already" in response.content.decode()


def test_each_collection_that_may_be_edited_gets_it(alice: User, ada: User, answer: Message) -> None:
    others = [
        create_collection(user=ada, slug=f"other-{n}", name=f"Other {n}", groups=groups)
        for n, groups in enumerate(({"engineering": "editor"}, {"engineering": "reader"}, {}))
    ]
    for n, collection in enumerate(others, 3):
        cite(answer, collection, n)
    kept = services.keep_question(user=alice, message_id=answer.pk)
    assert {collection.slug for collection in kept} == {"handbook", "other-0"}
    assert set(GoldenQuestion.objects.values_list("collection__slug", flat=True)) == {"handbook", "other-0"}


def test_who_may_only_read_gets_no_button_and_is_refused(alice: User, answer: Message, handbook: Collection) -> None:
    handbook.access.update(role="reader")
    client = signed_in(alice)
    assert "keep-question" not in client.get(reverse("conversation", args=[answer.conversation_id])).content.decode()
    assert client.post(url_of(answer)).status_code == 409
    assert not GoldenQuestion.objects.exists()


def test_a_stranger_finds_nothing(mallory: User, answer: Message) -> None:
    assert signed_in(mallory).post(url_of(answer)).status_code == 404
    assert signed_in(mallory).post(reverse("keep_question", args=[uuid4(), answer.pk])).status_code == 404
    assert Client().post(url_of(answer)).status_code == 302
    assert not GoldenQuestion.objects.exists()


def test_a_question_is_no_answer(alice: User, answer: Message) -> None:
    question = answer.parent
    assert question is not None
    assert question.role == MessageRole.USER
    with pytest.raises(ChatappError) as caught:
        services.keep_question(user=alice, message_id=question.pk)
    assert caught.value.code == "not_found"


def test_a_question_that_is_too_long_is_said(alice: User, answer: Message) -> None:
    assert answer.parent is not None
    answer.parent.text = "x" * 501
    answer.parent.save()
    response = signed_in(alice).post(url_of(answer), headers={"HX-Request": "true"})
    assert response.status_code == 400
    assert "1 to 500 characters" in response.content.decode()


def test_the_source_that_may_be_edited_is_known_of_a_loaded_turn(alice: User, answer: Message) -> None:
    assert [source.is_editable for source in get_turn_for(alice, answer.pk).sources] == [True, True]
