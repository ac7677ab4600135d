"""Personal data that a policy keeps from models stays with the employee: in the question, and in the answer."""

from dataclasses import replace
from typing import Any

import pytest

from chatapp.accounts.models import User
from chatapp.conversations.models import CachedAnswer, Generation, Message, MessageRole, Status
from chatapp.conversations.pipeline.cache import answer_key
from chatapp.conversations.pipeline.grounding import Grounds
from chatapp.conversations.pipeline.hiding import HidingError, hide_personal_data
from chatapp.conversations.pipeline.prompts import History
from chatapp.conversations.streams.entries import stream_key
from chatapp.conversations.tests.conftest import Ask
from chatapp.conversations.tests.test_context_checks import passage
from chatapp.conversations.workers.inference import InferenceWorker
from chatapp.inference.models import ModelVersion
from chatapp.moderation.checks.check import Check
from chatapp.moderation.checks.examiner import ExaminerError
from chatapp.moderation.models import Verdict
from chatapp.moderation.policy import active_policies
from chatapp.moderation.services import create_policy_version
from chatapp.redis import redis_client

pytestmark = pytest.mark.django_db(transaction=True)

ANNA, CARD = "anna@example.org", "4111 1111 1111 1111"


def hide(stage: str = "input", **fields: Any) -> dict[str, Any]:
    personal = {"kind": "pii", "entities": ["email", "card"], "action": "mask", "placeholder": True}
    return {**personal, "stage": stage, **fields}


def policy(*checks: dict[str, Any]) -> None:
    create_policy_version(user=None, name="company", checks=list(checks), activate=True)


def answer_of(generation: Generation) -> Message:
    return Message.objects.select_related("generation").get(generation=generation)


def test_the_model_sees_names_and_the_employee_the_data(
    alice: User, ask: Ask, worker: InferenceWorker, told: list[str]
) -> None:
    policy(hide())
    generation = ask(alice, f"rate=2000 say: Dear {ANNA}, card {CARD}, {ANNA.upper()}!")
    worker.answer_all()
    assert ANNA not in told[0]
    assert "say: Dear [EMAIL_1], card [CARD_1], [EMAIL_1]!" in told[0]
    answer = answer_of(generation)
    assert (answer.generation.status, answer.text) == (Status.COMPLETE, f"Dear {ANNA}, card {CARD}, {ANNA}!")
    assert Message.objects.get(role=MessageRole.USER).text.startswith(f"rate=2000 say: Dear {ANNA}")
    assert "[EMAIL" not in str(redis_client().xrange(stream_key(generation.id)))
    assert [(verdict.stage, verdict.kind) for verdict in Verdict.objects.all()] == [("input", "pii")]


def test_a_name_that_the_employee_wrote_is_not_somebody_else_s_data(
    alice: User, ask: Ask, worker: InferenceWorker, told: list[str]
) -> None:
    policy(hide())
    generation = ask(alice, f"rate=2000 say: [EMAIL_1] is a placeholder, {ANNA} is none.")
    worker.answer_all()
    assert ANNA not in told[0]
    assert answer_of(generation).text == f"[EMAIL_1] is a placeholder, {ANNA} is none."


def test_own_data_stays_where_the_output_policy_masks_the_same_kind(
    alice: User, ask: Ask, worker: InferenceWorker
) -> None:
    policy(hide(), {"kind": "pii", "entities": ["email"], "stage": "output", "action": "mask"})
    generation = ask(alice, f"rate=2000 say: Write to {ANNA}.")
    worker.answer_all()
    assert answer_of(generation).text == f"Write to {ANNA}."


def test_a_rule_that_blocks_the_data_itself_blocks_it_when_it_is_put_back(
    alice: User, ask: Ask, worker: InferenceWorker
) -> None:
    policy(hide(), {"kind": "pattern", "stage": "output", "action": "block", "patterns": ["anna@"]})
    generation = ask(alice, f"rate=2000 say: Dear {ANNA}!")
    worker.answer_all()
    assert answer_of(generation).generation.status == Status.BLOCKED
    assert "anna" not in str(redis_client().xrange(stream_key(generation.id)))


def test_data_keeps_its_name_from_turn_to_turn(alice: User, ask: Ask, worker: InferenceWorker, told: list[str]) -> None:
    policy(hide())
    first = ask(alice, f"rate=2000 say: First {ANNA}.")
    worker.answer_all()
    conversation = answer_of(first).conversation_id
    second = ask(alice, f"rate=2000 say: Then eva@example.org and {ANNA}.", conversation_id=conversation)
    worker.answer_all()
    assert "Then [EMAIL_2] and [EMAIL_1]." in told[-1]
    assert "example.org" not in told[-1]  # Nor in the answer that was given.
    assert answer_of(second).text == f"Then eva@example.org and {ANNA}."


def test_a_check_for_models_outside_hides_nothing_from_those_inside(
    alice: User, ask: Ask, worker: InferenceWorker, told: list[str]
) -> None:
    policy(hide(external_only=True))
    ask(alice, f"rate=2000 say: Dear {ANNA}")
    worker.answer_all()
    assert ANNA in told[0]


def test_the_model_is_told_which_words_of_what_it_reads_stand_in_no_document(
    alice: User, ask: Ask, worker: InferenceWorker, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*, user: User, question: str, **_: Any) -> list[str]:
        return ["anna", "dishes"] if user == alice and ANNA in question else []

    policy(hide())
    monkeypatch.setattr("chatapp.conversations.pipeline.answer.ground", lambda *_: Grounds([passage("Food.")]))
    monkeypatch.setattr("chatapp.conversations.services.store_sources", lambda *_: None)
    monkeypatch.setattr("chatapp.conversations.pipeline.writing.find_unknown_words", unknown)
    generation = ask(alice, f"rate=2000 say: Does {ANNA} serve dishes?")
    Generation.objects.filter(pk=generation.pk).update(collections=None)
    worker.answer_all()
    assert "anna" not in told[0]
    assert "serve dishes?\\n(In no document: dishes.)" in told[0]


def policies(alice: User) -> Any:
    return active_policies(user=alice, route="default")


def test_passages_and_what_was_asked_have_the_same_names(alice: User) -> None:
    policy(hide(), hide("context"))
    asked = History([Message(role=MessageRole.USER, text=f"Who is {ANNA}?")])
    found = replace(
        passage(f"{ANNA} asks eva@example.org."), heading="From lea@example.org", document_name=f"{ANNA}.eml"
    )
    hidden = hide_personal_data(asked, [found], policies(alice), external=True)
    assert hidden.history.messages[0].text == "Who is [EMAIL_1]?"
    (read,) = hidden.passages
    assert (read.given, read.heading) == ("[EMAIL_1] asks [EMAIL_2].", "From [EMAIL_3]")
    assert ANNA not in read.document_name
    assert asked.messages[0].text == f"Who is {ANNA}?"


def test_what_was_asked_is_hidden_in_passages_though_their_own_data_is_not(alice: User) -> None:
    policy(hide())
    asked = History([Message(role=MessageRole.USER, text=f"Who is {ANNA}?")])
    hidden = hide_personal_data(asked, [passage(f"{ANNA} asks eva@example.org.")], policies(alice), external=True)
    assert hidden.passages[0].given == "[EMAIL_1] asks eva@example.org."


@pytest.mark.parametrize("fail", ["open", "closed"])
def test_a_check_that_cannot_look_follows_its_fail_rule(
    alice: User, monkeypatch: pytest.MonkeyPatch, fail: str
) -> None:
    policy(hide(fail=fail))

    def down(check: Check, text: str) -> None:
        raise ExaminerError(check.name)

    monkeypatch.setattr("chatapp.conversations.pipeline.hiding.find_hits", down)
    asked = History([Message(role=MessageRole.USER, text=f"Who is {ANNA}?")])
    if fail == "closed":
        with pytest.raises(HidingError):
            hide_personal_data(asked, [], policies(alice), external=True)
    else:
        assert ANNA in hide_personal_data(asked, [], policies(alice), external=True).history.messages[0].text


def test_closed_no_model_is_asked_and_the_answer_fails(
    alice: User, ask: Ask, worker: InferenceWorker, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    policy(hide(fail="closed"))

    def down(check: Check, text: str) -> None:
        raise ExaminerError(check.name)

    monkeypatch.setattr("chatapp.conversations.pipeline.hiding.find_hits", down)
    generation = ask(alice, f"rate=2000 say: Dear {ANNA}")
    worker.answer_all()
    assert answer_of(generation).generation.status == Status.FAILED
    assert told == []


def test_the_cache_tells_people_behind_the_same_name_apart(
    alice: User, ask: Ask, worker: InferenceWorker, scripted: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys: list[dict[str, Any]] = []

    def listen(generation: Generation, **made_of: Any) -> str:
        keys.append(made_of)
        return answer_key(generation, **made_of)

    monkeypatch.setattr("chatapp.conversations.pipeline.writing.answer_key", listen)
    policy(hide())
    for who in (ANNA, "eva@example.org"):
        ask(alice, f"rate=2000 say: Dear {who}")
        worker.answer_all()
    assert keys[0]["messages"] == keys[1]["messages"]
    assert keys[0]["hidden"] != keys[1]["hidden"]
    assert not CachedAnswer.objects.exists()
