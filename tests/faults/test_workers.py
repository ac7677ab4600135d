"""F01 to F05, F22 and F23: what a user keeps when workers die, freeze, are deployed or are told to stop."""

import signal
from uuid import uuid4

import pytest
from celery import Celery

from tests.faults.conftest import Prove
from tests.faults.scene import Scene
from tests.faults.watching import numbers_in

pytestmark = pytest.mark.faults
SILENT = "prefill=9"  # Seconds without a word, and within the lease, which only progress renews.


@pytest.mark.fault("F01")
def test_a_killed_worker_leaves_the_text_and_a_retry_beside_it(scene: Scene, prove: Prove) -> None:
    sent = scene.alice.send("rate=20 tokens=2000")
    scene.wait_shown(sent, 20)
    scene.stack.wait_restarted("inference", scene.stack.kill("inference"))
    ended = scene.wait_status(sent, "interrupted")
    assert len(numbers_in(ended["text"])) >= 20
    again = scene.alice.retry(sent)
    scene.alice.stop(again)
    scene.wait_status(again, "stopped")
    assert scene.stored(sent) == ended
    prove("worker_lost")


@pytest.mark.fault("F03")
def test_a_deployed_worker_ends_what_it_can_keeps_the_rest_and_hands_on_what_it_has_not_begun(
    scene: Scene, prove: Prove
) -> None:
    long = scene.alice.send("rate=20 tokens=2000")
    scene.wait_shown(long, 5)
    short = scene.bob.send("rate=20 tokens=80")
    unseen = scene.bob.send(f"rate=200 tokens=30 {SILENT}")
    scene.wait_status(unseen, "answering")
    old = scene.stack.kill("inference", signal.SIGTERM)
    late = scene.alice.send("rate=200 tokens=10")
    assert scene.wait_status(short, "complete", "interrupted")["status"] == "complete"
    kept = scene.wait_status(long, "interrupted", "complete")
    assert (kept["status"], len(numbers_in(kept["text"])) >= 5) == ("interrupted", True)
    scene.stack.wait_restarted("inference", old)
    assert numbers_in(scene.wait_status(unseen, "complete")["text"]) == list(range(30))
    assert scene.stored(unseen)["attempt"] == 2
    assert scene.wait_status(late, "complete")["attempt"] == 1
    prove("drained")


@pytest.mark.fault("F04")
def test_a_frozen_worker_is_given_up_and_its_late_writes_change_nothing(scene: Scene, prove: Prove) -> None:
    sent = scene.alice.send("rate=20 tokens=2000")
    stopped = scene.bob.send("rate=20 tokens=2000")
    scene.wait_shown(sent, 20)
    scene.wait_shown(stopped, 20)
    frozen = scene.stack.kill("inference", signal.SIGSTOP)
    scene.bob.stop(stopped)
    ended = scene.wait_status(sent, "interrupted")
    assert scene.wait_status(stopped, "stopped", "interrupted")["status"] == "stopped"
    again = scene.alice.retry(sent)
    assert scene.stack.pids["inference"] == frozen
    scene.stack.kill("inference", signal.SIGCONT)
    scene.wait_for(lambda: scene.has_counted("lease_lost"))
    scene.wait_shown(again, 5)
    scene.alice.stop(again)
    assert scene.stored(sent) == ended
    prove("worker_lost", "lease_lost")


@pytest.mark.fault("F02", "F05")
def test_an_answer_that_kills_two_workers_fails_and_its_neighbour_is_answered(scene: Scene, prove: Prove) -> None:
    poison = scene.alice.send(f"rate=200 tokens=5 {SILENT}")
    for attempt in (1, 2):
        scene.wait_attempt(poison, attempt)
        scene.stack.wait_restarted("inference", scene.stack.kill("inference"), 120)
    neighbour = scene.bob.send("rate=200 tokens=20")
    ended = scene.wait_status(poison, "failed", "interrupted", "complete")
    assert (ended["status"], ended["error_code"], ended["text"]) == ("failed", "worker_lost", "")
    assert numbers_in(scene.wait_status(neighbour, "complete")["text"]) == list(range(20))
    prove("worker_lost", "quarantined")


@pytest.mark.fault("F22")
def test_wake_ups_that_come_twice_or_in_an_old_shape_make_no_second_answer(scene: Scene, prove: Prove) -> None:
    sent = scene.alice.send("rate=20 tokens=60")
    scene.wait_shown(sent, 5)
    with Celery(broker=scene.stack.environment["REDIS_URL"], set_as_current=False) as old:
        for _ in range(5):
            old.send_task("chatapp.conversations.tasks.answer_queued", queue="inference", expires=30)
        old.send_task("chatapp.conversations.tasks.do_side_work", ("title", str(uuid4()), 0), queue="inference")
    ended = scene.wait_status(sent, "complete", "interrupted")
    assert (ended["attempt"], numbers_in(ended["text"])) == (1, list(range(60)))
    prove()


@pytest.mark.fault("F23")
def test_stop_keeps_what_was_seen_whenever_it_comes(scene: Scene, prove: Prove) -> None:
    early = scene.alice.send(f"rate=20 tokens=500 {SILENT}")
    middle = scene.bob.send("rate=20 tokens=5000")
    over = scene.alice.send("rate=500 tokens=5")
    scene.wait_status(early, "answering")
    scene.alice.stop(early)
    assert scene.wait_status(early, "stopped")["text"] == ""
    scene.wait_shown(middle, 20)
    scene.bob.stop(middle)
    scene.bob.stop(middle)
    assert len(numbers_in(scene.wait_status(middle, "stopped")["text"])) >= 20
    whole = scene.wait_status(over, "complete")
    scene.alice.stop(over)
    assert scene.stored(over) == whole
    prove()
