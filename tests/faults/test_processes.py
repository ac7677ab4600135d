"""Faults F01 to F04, F09, F16, F23 and F36 on the running product: what is acknowledged or was seen is never lost."""

import signal
import time
from collections.abc import Iterator

import pytest

from tests.faults.client import FaultClient, numbers, wait
from tests.stack import Stack

pytestmark = pytest.mark.faults


@pytest.fixture
def client(stack: Stack) -> Iterator[FaultClient]:
    """Before and after each fault the product answers without repair by hand (I10)."""
    stack.wait_ready()
    client = FaultClient(stack)
    yield client
    stack.wait_ready()
    assert numbers("".join(wait(60, lambda: list(client.pieces("rate=500 tokens=5"))))) == list(range(5))
    client.close()


def test_a_killed_inference_worker_leaves_the_text_and_an_interrupted_answer(stack: Stack, client: FaultClient) -> None:
    reader = client.read("rate=20 tokens=2000").wait_text()
    generation = client.newest()
    stack.wait_restarted("inference", stack.kill("inference"))
    ended = client.wait_terminal(generation["id"], seconds=20)
    assert ended["status"] == "interrupted"
    assert ended["text"].startswith(reader.text)
    assert numbers(ended["text"]) == list(range(len(numbers(ended["text"]))))
    assert len(ended["text"]) - len(reader.text) < 200


def test_a_worker_killed_before_any_text_is_replaced_by_a_second_attempt(stack: Stack, client: FaultClient) -> None:
    reader = client.read("rate=500 tokens=20 prefill=4")
    generation = wait(20, lambda: (g := client.newest())["status"] == "answering" and g)
    time.sleep(0.5)
    stack.kill("inference")
    ended = client.wait_terminal(generation["id"], seconds=60)
    assert (ended["status"], ended["attempt"]) == ("complete", 2)
    assert numbers(ended["text"]) == list(range(20))
    reader.join(timeout=10)
    assert reader.text.strip() == ended["text"].strip()


def test_a_terminated_worker_finishes_its_answer(stack: Stack, client: FaultClient) -> None:
    client.read("rate=20 tokens=80").wait_text()
    generation = client.newest()
    stack.wait_restarted("inference", stack.kill("inference", signal.SIGTERM))
    ended = client.wait_terminal(generation["id"], seconds=20)
    assert (ended["status"], numbers(ended["text"])) == ("complete", list(range(80)))


def test_a_frozen_worker_is_replaced_and_its_late_writes_are_refused(stack: Stack, client: FaultClient) -> None:
    reader = client.read("rate=20 tokens=2000").wait_text()
    generation = client.newest()
    frozen = stack.kill("inference", signal.SIGSTOP)
    ended = client.wait_terminal(generation["id"], seconds=30)
    assert ended["status"] == "interrupted"
    assert stack.pids["inference"] == frozen
    stack.kill("inference", signal.SIGCONT)
    time.sleep(3)
    assert client.generation(generation["id"]) == ended
    assert ended["text"].startswith(reader.text)


def test_valkey_killed_in_mid_answer_costs_no_text(stack: Stack, client: FaultClient) -> None:
    reader = client.read("rate=20 tokens=200").wait_text()
    generation = client.newest()
    stack.kill("valkey")
    ended = client.wait_terminal(generation["id"], seconds=60)
    assert (ended["status"], numbers(ended["text"])) == ("complete", list(range(200)))
    reader.join(timeout=30)
    assert reader.text == ended["text"]


def test_a_killed_web_process_does_not_end_the_answer(stack: Stack, client: FaultClient) -> None:
    client.read("rate=20 tokens=120").wait_text()
    generation = client.newest()
    stack.wait_restarted("web", stack.kill("web"))
    ended = client.wait_terminal(generation["id"], seconds=60)
    assert (ended["status"], numbers(ended["text"])) == ("complete", list(range(120)))


def test_stop_frees_the_slot_within_seconds(client: FaultClient) -> None:
    reader = client.read("rate=20 tokens=5000").wait_text()
    generation = client.newest()
    client.stop(generation["id"])
    ended = client.wait_terminal(generation["id"], seconds=5)
    assert ended["status"] == "stopped"
    reader.join(timeout=10)
    assert not reader.is_alive()
    assert ended["text"] == reader.text


def test_a_client_that_goes_away_cancels_its_generation(client: FaultClient) -> None:
    stream = client.pieces("rate=20 tokens=5000")
    assert next(piece for piece in stream if piece)
    generation = client.newest()
    stream.close()  # type: ignore[attr-defined]
    assert client.wait_terminal(generation["id"], seconds=10)["status"] == "stopped"


def test_a_dead_beat_is_started_again_and_the_sweeper_with_it(stack: Stack, client: FaultClient) -> None:
    client.read("rate=20 tokens=2000").wait_text()
    generation = client.newest()
    beat = stack.kill("beat")
    stack.kill("inference")
    stack.wait_restarted("beat", beat)
    assert client.wait_terminal(generation["id"], seconds=30)["status"] == "interrupted"
