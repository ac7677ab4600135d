"""F13 to F15: what a user keeps when PostgreSQL is restarted, loses the answer to a commit, is slow or hangs."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from tests.faults.conftest import Prove
from tests.faults.scene import Scene
from tests.faults.watching import numbers_in, visible_text

pytestmark = pytest.mark.faults
HANG_SECONDS = 15
READERS = 20  # More than the pool has connections.


@pytest.fixture
def scene(scene: Scene) -> Iterator[Scene]:
    yield scene
    if scene.stack.services["postgres"].has_exited():
        scene.stack.begin("postgres")


@pytest.mark.fault("F13")
def test_postgres_restarted_in_mid_answer_costs_no_text_and_questions_are_refused_clearly(
    scene: Scene, prove: Prove
) -> None:
    sent = scene.alice.send("rate=20 tokens=300")
    scene.wait_shown(sent, 20)
    scene.stack.end("postgres")
    seen = len(sent.shown.numbers)
    refused = scene.bob.post("rate=20 tokens=5", conversation=str(uuid4()), question=str(uuid4()))
    assert refused.status_code == 503
    assert int(refused.headers["Retry-After"]) > 0
    assert visible_text(refused.text).strip()
    scene.wait_shown(sent, seen + 20)  # The live text goes on without the database.
    scene.stack.begin("postgres")
    ended = scene.wait_status(sent, "complete", "interrupted")
    assert (ended["status"], ended["attempt"], numbers_in(ended["text"])) == ("complete", 1, list(range(300)))
    prove("database_away")


@pytest.mark.fault("F14")
def test_a_question_whose_commit_was_not_answered_is_one_question_when_sent_again(scene: Scene, prove: Prove) -> None:
    conversation, question = str(uuid4()), str(uuid4())
    text = f"rate=200 tokens=20 {uuid4()}"
    proxy = scene.stack.proxies["postgres"]
    proxy.lose_reply_to = text.encode()
    first = scene.alice.post(text, conversation=conversation, question=question)
    assert first.status_code == 503
    assert not proxy.lose_reply_to
    assert scene.stack.rows("SELECT 1 FROM conversations_message WHERE id = %s", question) == [(1,)]
    again = scene.alice.post(text, conversation=conversation, question=question)
    assert again.status_code == 200
    sent = scene.alice.remember(again.text, text=text, conversation=conversation, question=question)
    assert numbers_in(scene.wait_status(sent, "complete")["text"]) == list(range(20))
    prove("database_away")


@pytest.mark.fault("F15")
def test_while_postgres_hangs_sockets_stay_and_questions_are_refused_with_a_time(scene: Scene, prove: Prove) -> None:
    sent = scene.alice.send("rate=20 tokens=600")
    scene.wait_shown(sent, 20)
    opened = scene.alice.page.opened
    scene.stack.proxies["postgres"].hang()
    began = time.monotonic()
    with ThreadPoolExecutor(READERS) as pool:
        late = pool.submit(scene.bob.send, "rate=200 tokens=20", seconds=120)
        reads = [pool.submit(scene.bob.http.get, f"/c/{sent.conversation}/") for _ in range(READERS - 1)]
        scene.wait_shown(sent, len(sent.shown.numbers) + 20)
        time.sleep(max(0.0, HANG_SECONDS - (time.monotonic() - began)))
        scene.stack.proxies["postgres"].restore()
        answers = [read.result() for read in reads]
    refused = [answer for answer in answers if answer.status_code == 503]
    assert {answer.status_code for answer in answers} <= {404, 503}  # It is not bob's conversation.
    assert refused
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in refused)
    assert scene.alice.page.opened == opened
    assert numbers_in(scene.wait_status(late.result(), "complete")["text"]) == list(range(20))
    ended = scene.wait_status(sent, "complete", "interrupted")
    assert ended["text"]
    prove("database_away")


@pytest.mark.fault("F15")
def test_a_slow_postgres_only_makes_things_late(scene: Scene, prove: Prove) -> None:
    scene.stack.proxies["postgres"].delay = 0.05
    sent = scene.alice.send("rate=20 tokens=60", seconds=120)
    ended = scene.wait_status(sent, "complete", "interrupted")
    assert (ended["status"], numbers_in(ended["text"])) == ("complete", list(range(60)))
    scene.stack.proxies["postgres"].restore()
    prove()
