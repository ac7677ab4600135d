"""F09 to F12: what a user keeps when Valkey is restarted empty, is away, hangs, is full, or has forgotten."""

import signal
import time
from collections.abc import Iterator

import pytest

from tests.faults.conftest import Prove
from tests.faults.scene import Scene
from tests.faults.watching import numbers_in

pytestmark = pytest.mark.faults
AWAY_SECONDS = 12


@pytest.fixture
def scene(scene: Scene) -> Iterator[Scene]:
    """With a Valkey that runs again, whatever the test has done to it."""
    yield scene
    process = scene.stack.services["valkey"]
    if process.has_exited():
        scene.stack.begin("valkey")
    scene.stack.kill("valkey", signal.SIGCONT)
    scene.stack.valkey().config_set("maxmemory", "512mb")


@pytest.mark.fault("F09")
def test_valkey_restarted_empty_in_mid_answer_costs_no_text(scene: Scene, prove: Prove) -> None:
    sent = scene.alice.send("rate=20 tokens=200")
    scene.wait_shown(sent, 20)
    scene.stack.end("valkey")
    queued = scene.bob.send("rate=200 tokens=20")
    scene.stack.begin("valkey")
    assert numbers_in(scene.wait_status(queued, "complete")["text"]) == list(range(20))
    ended = scene.wait_status(sent, "complete", "interrupted")
    assert (ended["status"], ended["attempt"], numbers_in(ended["text"])) == ("complete", 1, list(range(200)))
    prove("redis_lost")


@pytest.mark.fault("F10")
def test_while_valkey_is_away_questions_are_kept_and_the_history_can_be_read(scene: Scene, prove: Prove) -> None:
    running = scene.alice.send("rate=20 tokens=300")
    scene.wait_shown(running, 10)
    scene.stack.end("valkey")
    stored = scene.bob.send("rate=200 tokens=20")
    assert scene.alice.read(running.conversation)
    # Postgres is the queue of record: workers look there, and pages ask it.
    assert numbers_in(scene.wait_status(stored, "complete")["text"]) == list(range(20))
    scene.wait_for(lambda: stored.shown.ended)
    scene.stack.begin("valkey")
    assert scene.wait_status(running, "complete", "interrupted")["status"] == "complete"
    prove("redis_lost")


@pytest.mark.fault("F10")
def test_while_valkey_hangs_nothing_waits_for_it_for_long(scene: Scene, prove: Prove) -> None:
    running = scene.alice.send("rate=20 tokens=300")
    scene.wait_shown(running, 10)
    scene.stack.kill("valkey", signal.SIGSTOP)
    stored = scene.bob.send("rate=200 tokens=20")
    assert scene.alice.read(running.conversation)
    time.sleep(AWAY_SECONDS)
    scene.stack.kill("valkey", signal.SIGCONT)
    assert scene.wait_status(running, "complete", "interrupted")["status"] == "complete"
    assert scene.wait_status(stored, "complete", "interrupted")["status"] == "complete"
    prove("redis_lost")


@pytest.mark.fault("F11")
def test_a_full_valkey_costs_no_text(scene: Scene, prove: Prove) -> None:
    running = scene.alice.send("rate=20 tokens=200")
    scene.wait_shown(running, 10)
    scene.stack.valkey().config_set("maxmemory", 1)
    stored = scene.bob.send("rate=200 tokens=20")
    assert numbers_in(scene.wait_status(stored, "complete")["text"]) == list(range(20))
    scene.stack.valkey().config_set("maxmemory", "512mb")
    ended = scene.wait_status(running, "complete", "interrupted")
    assert (ended["status"], numbers_in(ended["text"])) == ("complete", list(range(200)))
    prove("redis_lost")


@pytest.mark.fault("F12")
def test_a_page_that_comes_after_valkey_lost_a_part_shows_the_whole(scene: Scene, prove: Prove) -> None:
    """As a failover does that loses the last writes: entries in the middle, and the waiting wake-ups."""
    sent = scene.alice.send("rate=20 tokens=160")
    scene.wait_shown(sent, 40)
    valkey = scene.stack.valkey()
    key = f"generation:{sent.generation}"
    entries = [entry_id for entry_id, _ in valkey.xrange(key)]
    valkey.xdel(key, *entries[len(entries) // 4 : len(entries) // 2])
    valkey.delete("inference")
    scene.stack.wait_restarted("web", scene.stack.kill("web"))
    tab = scene.alice.open_page()
    shown = tab.watch(sent.generation)
    ended = scene.wait_status(sent, "complete", "interrupted")
    assert (ended["status"], numbers_in(ended["text"])) == ("complete", list(range(160)))
    scene.wait_for(lambda: shown.ended)
    prove()  # A page that comes anew begins at the checkpoint, behind the hole: it meets none.
