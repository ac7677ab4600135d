"""F24, F28, F29 and F37: what a user keeps of what was deleted, endless, empty, one too many or rolled back."""

from uuid import uuid4

import pytest

from tests.faults.client import FaultClient
from tests.faults.conftest import Prove
from tests.faults.scene import Scene
from tests.faults.watching import numbers_in, visible_text
from tests.stack import MODEL

pytestmark = pytest.mark.faults
MAX_TOKENS = 50
MORE_THAN_FIT = 80
_ROWS = """
    SELECT (SELECT count(*) FROM conversations_conversation WHERE id = %s),
           (SELECT count(*) FROM conversations_message WHERE conversation_id = %s),
           (SELECT count(*) FROM conversations_generation WHERE id = %s)
"""
_VERSION = """
    SELECT v.name FROM inference_modelversion v JOIN conversations_generation g ON g.version_id = v.id WHERE g.id = %s
"""


@pytest.mark.fault("F24")
def test_a_chat_deleted_in_mid_answer_is_gone_and_its_slot_is_free(scene: Scene, prove: Prove) -> None:
    sent = scene.alice.send("rate=20 tokens=3000")
    scene.wait_shown(sent, 10)
    scene.alice.delete(sent.conversation)
    assert scene.stack.rows(_ROWS, sent.conversation, sent.conversation, sent.generation) == [(0, 0, 0)]
    scene.wait_for(lambda: scene.count_busy_slots() == 0)
    assert scene.stack.valkey().exists(f"generation:{sent.generation}") == 0
    assert scene.alice.read(sent.conversation) == []
    prove()


@pytest.mark.fault("F28")
def test_an_answer_past_its_limit_is_cut_and_says_so_and_an_empty_one_has_failed(scene: Scene, prove: Prove) -> None:
    empty = scene.bob.send("rate=100 say:")
    client = FaultClient(scene.stack)
    question = {"role": "user", "content": f"rate=500 tokens={2 * MAX_TOKENS}"}
    body = {"model": "scripted", "max_tokens": MAX_TOKENS, "messages": [question]}
    choice = client.http.post("/v1/chat/completions", json=body).json()["choices"][0]
    client.close()
    assert choice["finish_reason"] == "length"
    assert numbers_in(choice["message"]["content"]) == list(range(MAX_TOKENS))
    failed = scene.wait_status(empty, "complete", "failed")
    assert (failed["status"], failed["error_code"], failed["text"]) == ("failed", "empty_answer", "")
    prove()


@pytest.mark.fault("F29")
def test_a_full_queue_refuses_at_once_says_when_and_serves_what_it_took(scene: Scene, prove: Prove) -> None:
    refused = []
    for person in (scene.alice, scene.bob):
        for _ in range(MORE_THAN_FIT):
            conversation, question, text = str(uuid4()), str(uuid4()), "rate=50 tokens=2000"
            response = person.post(text, conversation=conversation, question=question)
            if response.status_code != 200:
                refused.append(response)
                break
            person.remember(response.text, text=text, conversation=conversation, question=question)
    assert [response.status_code in {429, 503} for response in refused] == [True, True]
    assert all(int(response.headers["Retry-After"]) > 0 for response in refused)
    assert all("ry again" in visible_text(response.text) for response in refused)
    last = scene.bob.sent[-1]
    scene.wait_for(lambda: "queued" in last.shown.states)
    for person in (scene.alice, scene.bob):
        for sent in reversed(person.sent[1:]):
            person.stop(sent)
        scene.wait_shown(person.sent[0], 5)
        person.stop(person.sent[0])
    prove("queue_full")


@pytest.mark.fault("F08", "F37")
def test_e13_a_rollback_in_mid_answer_reaches_the_next_question_only(scene: Scene, prove: Prove) -> None:
    running = scene.alice.send("rate=20 tokens=400")
    scene.wait_shown(running, 10)
    scene.stack.serve(MODEL)
    try:
        other = scene.bob.send("Name a fruit.")
        scene.wait_for(lambda: visible_text(other.shown.markup).strip(), 120)
        scene.bob.stop(other)
    finally:
        scene.stack.serve("scripted")
    assert scene.stack.rows(_VERSION, running.generation) == [("scripted",)]
    assert scene.stack.rows(_VERSION, other.generation) == [(MODEL,)]
    assert numbers_in(scene.wait_status(running, "complete", "interrupted")["text"]) == list(range(400))
    prove()
