"""Answers that are given again: to whom, when, and above all when not (security cases A06 and A19)."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group
from django.db.models.functions import Now

from chatapp.accounts.models import User
from chatapp.conversations import services
from chatapp.conversations.models import CachedAnswer, Generation, Source, Status
from chatapp.conversations.pipeline import answer as answering
from chatapp.conversations.streams.flusher import Flusher
from chatapp.conversations.tests.answering import QUESTION, Answerer
from chatapp.conversations.tests.test_reply import entries_of, policy, shown
from chatapp.inference.models import AnswerOutcome, ModelVersion, Provider, Route
from chatapp.inference.testing import ScriptedModel
from chatapp.moderation.services import create_policy_version
from chatapp.retrieval.citations import CitationStream
from chatapp.retrieval.embedding import EmbeddingError
from chatapp.retrieval.models import Document
from chatapp.retrieval.services import create_collection, delete_document, process_document, upload_document

pytestmark = pytest.mark.django_db(transaction=True)
TEXT = "Everyone gets 28 days of paid holiday per year."
HANDBOOK = b"# Holiday\n\nEvery employee receives 28 days of paid holiday per calendar year."


@pytest.fixture
def version(db: None) -> ModelVersion:
    """Answers without chance; its weights are never loaded, because the tests hold the model themselves."""
    version = ModelVersion.objects.create(
        name="sure",
        provider=Provider.LLAMA_CPP,
        context_tokens=4096,
        sampling={"temperature": 0},
        prompt_price=Decimal(10),
        completion_price=Decimal(10),
    )
    Route.objects.create(name=Route.DEFAULT, version=version)
    return version


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    model = ScriptedModel(tokens=[word + " " for word in TEXT.split()], rate=5000)
    yield model
    model.close()


@pytest.fixture
def answer(version: ModelVersion, model: ScriptedModel) -> Iterator[Answerer]:
    answerer = Answerer(Flusher(), model)
    yield answerer
    answerer.flusher.close()


def is_hit(generation: Generation) -> bool:
    assert generation.status == Status.COMPLETE
    return generation.is_cached


def test_the_same_question_is_answered_once_and_told_as_an_answer_of_its_own(
    alice: User, answer: Answerer, model: ScriptedModel
) -> None:
    first = answer(alice)
    computed = model.stats().completion_tokens
    second = answer(alice)
    assert (is_hit(first), is_hit(second)) == (False, True)
    assert second.message.text == first.message.text == TEXT + " "
    assert shown(entries_of(second)) == second.message.text
    assert model.stats().completion_tokens == computed
    assert (second.prompt_tokens, second.completion_tokens) == (first.prompt_tokens, first.completion_tokens)
    outcome = AnswerOutcome.objects.get(generation_id=second.id)
    assert (outcome.is_cached, outcome.prompt_tokens, outcome.completion_tokens) == (True, 0, 0)
    assert outcome.cost == Decimal(0) < AnswerOutcome.objects.get(generation_id=first.id).cost


def test_own_data_that_was_put_back_stays_when_the_answer_is_given_again(
    alice: User, answer: Answerer, model: ScriptedModel
) -> None:
    email: dict[str, Any] = {"kind": "pii", "entities": ["email"], "action": "mask", "severity": "low"}
    checks = [{**email, "stage": "input", "placeholder": True}, {**email, "stage": "output"}]
    create_policy_version(user=None, name="company", checks=checks, activate=True)
    model._tokens = ["Write to ", "[EMAIL_1]."]
    told = [answer(alice, "My address is anna@example.org.").message.conversation_id for _ in range(2)]
    first, second = [answer(alice, "Where do I get mail?", conversation_id=conversation) for conversation in told]
    assert (is_hit(first), is_hit(second)) == (False, True)
    assert first.message.text == second.message.text == "Write to anna@example.org."


def test_an_answer_whose_citations_came_too_late_is_not_given_again(
    alice: User, answer: Answerer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(stream: CitationStream, text: str) -> str:
        stream.is_whole = False
        return text

    with monkeypatch.context() as busy:
        busy.setattr(CitationStream, "feed", late)
        answer(alice)
    assert [is_hit(answer(alice)), is_hit(answer(alice))] == [False, True]


def test_another_person_waits_like_the_first(alice: User, bob: User, answer: Answerer) -> None:
    answer(alice)
    assert not is_hit(answer(bob))


def test_a_company_may_share(alice: User, bob: User, answer: Answerer, settings: Any) -> None:
    settings.ANSWER_CACHE_SCOPE = "company"
    answer(alice)
    assert is_hit(answer(bob))


@pytest.mark.parametrize(
    "change",
    [
        {"text": QUESTION + "?"},
        {"max_tokens": 99},
        {"sampling": {"seed": 7}},
        {"sampling": {"temperature": 0.1}},
        {"stop": ["never"]},
    ],
    ids=str,
)
def test_whatever_makes_an_answer_makes_the_key(alice: User, answer: Answerer, change: dict[str, Any]) -> None:
    answer(alice)
    assert not is_hit(answer(alice, **change))


def test_chance_is_not_repeated(alice: User, answer: Answerer) -> None:
    for _ in range(2):
        assert not is_hit(answer(alice, sampling={"temperature": 0.7}))
    assert not CachedAnswer.objects.exists()


def test_another_version_answers_anew(alice: User, answer: Answerer, version: ModelVersion) -> None:
    answer(alice)
    version.pk, version.name = uuid4(), "sure-2"
    version.save(force_insert=True)
    Route.objects.update(version=version)
    assert not is_hit(answer(alice))


def test_a_policy_that_is_switched_on_is_asked(alice: User, answer: Answerer) -> None:
    answer(alice)
    policy("block", "holiday")
    assert answer(alice).status == Status.BLOCKED


def test_another_answer_is_another_answer_and_counts_from_then_on(alice: User, answer: Answerer) -> None:
    first = answer(alice)
    services.regenerate(user=alice, message_id=first.message_id)
    with_other_words = ScriptedModel(tokens=["Twenty-eight."], rate=5000)
    try:
        assert not is_hit(answer.work(with_other_words))
    finally:
        with_other_words.close()
    later = answer(alice)
    assert (is_hit(later), later.message.text) == (True, "Twenty-eight.")


@pytest.mark.parametrize("action", ["mask", "flag", "block"])
def test_an_answer_with_a_finding_is_not_kept(alice: User, answer: Answerer, action: str) -> None:
    policy(action, "holiday")
    answer(alice)
    assert not CachedAnswer.objects.exists()


def test_an_answer_that_was_cut_short_is_not_kept(alice: User, answer: Answerer) -> None:
    assert answer(alice, max_tokens=3).finish_reason == "length"
    assert not CachedAnswer.objects.exists()


def test_an_answer_given_while_search_is_down_is_not_kept(
    alice: User, answer: Answerer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise EmbeddingError("no model")

    monkeypatch.setattr(answering, "ground", fail)
    assert answer(alice, collections=None).status == Status.COMPLETE
    assert not CachedAnswer.objects.exists()


def test_a_script_is_run_each_time(alice: User, answer: Answerer) -> None:
    script = ModelVersion.objects.create(
        name="script", provider=Provider.SCRIPTED, context_tokens=4096, sampling={"temperature": 0}
    )
    Route.objects.update(version=script)
    assert [is_hit(answer(alice)) for _ in range(2)] == [False, False]


def test_what_is_deleted_is_gone(alice: User, answer: Answerer) -> None:
    first = answer(alice)
    services.delete_conversation(user=alice, conversation_id=first.message.conversation_id)
    assert not CachedAnswer.objects.exists()
    assert not is_hit(answer(alice))


def test_what_was_taken_back_is_not_given_again(alice: User, answer: Answerer) -> None:
    first = answer(alice)
    Generation.objects.filter(id=first.id).update(status=Status.RETRACTED)
    assert not is_hit(answer(alice))


def test_an_old_answer_is_not_given_and_goes(alice: User, answer: Answerer, settings: Any) -> None:
    answer(alice)
    assert services.purge_cached_answers() == 0
    CachedAnswer.objects.update(created_at=Now() - timedelta(hours=25))
    assert not is_hit(answer(alice))
    assert is_hit(answer(alice))
    CachedAnswer.objects.update(created_at=Now() - timedelta(hours=25))
    assert services.purge_cached_answers() == 1


def test_none_at_all(alice: User, answer: Answerer, settings: Any) -> None:
    answer(alice)
    settings.ANSWER_CACHE_HOURS = 0
    assert [is_hit(answer(alice)) for _ in range(2)] == [False, False]
    assert services.purge_cached_answers() == 1


@pytest.mark.model
class TestWithDocuments:
    @pytest.fixture(autouse=True)
    def everybody_shares(self, settings: Any) -> None:
        """So that only rights and documents can keep an answer from the next person."""
        settings.ANSWER_CACHE_SCOPE = "company"

    @pytest.fixture
    def document(self, ada: User) -> Document:
        collection = create_collection(user=ada, slug="handbook", name="Handbook", groups={"staff": "reader"})
        uploaded = upload_document(
            user=ada, collection=collection, name="leave.md", data=HANDBOOK, media_type="text/markdown"
        )
        process_document(document_id=uploaded.pk)
        return uploaded

    def test_a_hit_has_sources_and_citations_of_its_own(
        self, alice: User, bob: User, document: Document, answer: Answerer
    ) -> None:
        first, second = answer(alice, collections=None), answer(bob, collections=None)
        assert (is_hit(first), is_hit(second)) == (False, True)
        assert second.message.text == first.message.text
        assert "[1]" in second.message.text
        for generation in (first, second):
            source = Source.objects.get(message=generation.message, cited=True)
            assert (source.document_name, source.n) == ("leave.md", 1)

    def test_a19_who_left_the_group_gets_nothing_of_it(
        self, alice: User, bob: User, document: Document, answer: Answerer
    ) -> None:
        answer(alice, collections=None)
        assert is_hit(answer(bob, collections=None))
        bob.groups.remove(Group.objects.get(name="staff"))
        after = answer(bob, collections=None)
        assert not is_hit(after)
        assert "28" not in after.message.text
        assert not Source.objects.filter(message=after.message).exists()

    def test_a19_a_deleted_document_is_in_no_answer(
        self, alice: User, ada: User, document: Document, answer: Answerer
    ) -> None:
        answer(alice, collections=None)
        delete_document(user=ada, document=document)
        after = answer(alice, collections=None)
        assert not is_hit(after)
        assert "28" not in after.message.text

    def test_a_prompt_of_another_format_is_asked_anew(
        self, alice: User, document: Document, answer: Answerer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answer(alice, collections=None)
        assert is_hit(answer(alice, collections=None))
        monkeypatch.setattr("chatapp.conversations.pipeline.prompts._quote", lambda text: f"> {text}")
        assert not is_hit(answer(alice, collections=None))

    def test_a19_a_new_version_of_the_document_is_read(
        self, alice: User, ada: User, document: Document, answer: Answerer
    ) -> None:
        answer(alice, collections=None)
        again = upload_document(
            user=ada,
            collection=document.collection,
            name="leave.md",
            data=HANDBOOK.replace(b"28", b"30"),
            media_type="text/markdown",
        )
        process_document(document_id=again.pk)
        assert not is_hit(answer(alice, collections=None))
        assert any("30 days" in quote for quote in Source.objects.values_list("quote", flat=True))
