"""F01, F09 and F19 as programs meet them that read the API's stream."""

from collections.abc import Iterator

import pytest

from tests.faults.client import FaultClient
from tests.faults.conftest import Prove
from tests.faults.scene import Scene
from tests.faults.watching import numbers_in

pytestmark = pytest.mark.faults


@pytest.fixture
def client(scene: Scene) -> Iterator[FaultClient]:
    client = FaultClient(scene.stack, "bob")
    yield client
    client.close()


@pytest.mark.fault("F09")
def test_a_stream_goes_on_whole_over_a_valkey_restarted_empty(scene: Scene, client: FaultClient, prove: Prove) -> None:
    reader = client.read("rate=20 tokens=160").wait_text()
    generation = client.newest()
    scene.stack.end("valkey")
    scene.stack.begin("valkey")
    beside = scene.alice.send("rate=20 tokens=40")
    ended = client.wait_terminal(generation["id"], seconds=90)
    reader.join(timeout=60)
    assert (ended["status"], numbers_in(ended["text"])) == ("complete", list(range(160)))
    assert reader.text.strip() == ended["text"].strip()
    scene.wait_status(beside, "complete")
    prove("redis_lost")


@pytest.mark.fault("F01")
def test_a_stream_whose_worker_dies_ends_and_its_text_is_kept(scene: Scene, client: FaultClient, prove: Prove) -> None:
    reader = client.read("rate=20 tokens=2000").wait_text()
    beside = scene.alice.send("rate=20 tokens=2000")
    generation = client.newest()
    scene.wait_shown(beside, 5)
    scene.stack.wait_restarted("inference", scene.stack.kill("inference"))
    ended = client.wait_terminal(generation["id"], seconds=90)
    reader.join(timeout=60)
    assert not reader.is_alive()
    assert ended["status"] == "interrupted"
    assert ended["text"].startswith(reader.text.rstrip())
    prove("worker_lost")


@pytest.mark.fault("F19")
def test_a_program_that_goes_away_stops_its_answer_and_no_other(
    scene: Scene, client: FaultClient, prove: Prove
) -> None:
    beside = scene.alice.send("rate=20 tokens=100")
    stream = client.pieces("rate=20 tokens=5000")
    assert next(piece for piece in stream if piece)
    generation = client.newest()
    stream.close()  # type: ignore[attr-defined]
    assert client.wait_terminal(generation["id"], seconds=60)["status"] == "stopped"
    assert numbers_in(scene.wait_status(beside, "complete")["text"]) == list(range(100))
    prove()
