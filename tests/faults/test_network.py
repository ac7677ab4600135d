"""F19 and F20: what a user keeps on a network that is cut, flaps, is half-open or slow."""

from collections.abc import Iterator

import pytest

from tests.faults.conftest import Prove
from tests.faults.person import Sent
from tests.faults.proxy import Proxy
from tests.faults.scene import Scene
from tests.faults.watching import Shown, Watcher, numbers_in

pytestmark = pytest.mark.faults
SLOW = 1000.0
DEAD_SOCKET_SECONDS = 120
MEMORY_GROWTH_KB = 60_000


@pytest.fixture
def network(scene: Scene) -> Iterator[Proxy]:
    """The way between one page and the server."""
    network = scene.stack.proxies["web"]
    yield network
    network.cut()  # Ends the far side of what a test has left hanging.
    network.restore()


def open_behind(network: Proxy, scene: Scene, sent: Sent) -> tuple[Watcher, Shown]:
    page = scene.alice.open_page(address=f"http://127.0.0.1:{network.port}")
    return page, page.watch(sent.generation)


@pytest.mark.fault("F19")
def test_a_network_that_is_cut_and_flaps_costs_no_word(scene: Scene, network: Proxy, prove: Prove) -> None:
    sent = scene.alice.send("rate=20 tokens=240")
    page, shown = open_behind(network, scene, sent)
    for cuts, mark in enumerate((20, 60, 100), start=1):
        page.wait_shown(sent.generation, mark)
        network.cut()
        scene.wait_shown(sent, mark + 20)
        network.restore()
        page.wait_opened(cuts + 1)
    assert scene.wait_status(sent, "complete", "interrupted")["attempt"] == 1
    scene.wait_for(lambda: shown.ended)
    assert shown.numbers == list(range(240))
    prove()


@pytest.mark.fault("F19", "F20")
def test_a_half_open_socket_is_dropped_and_a_slow_reader_slows_nobody(
    scene: Scene, network: Proxy, prove: Prove
) -> None:
    """Both at once, since the server takes its time to give up a socket whose other end is silent.

    What a page gets of such an answer fits into the kernel's buffers, so the server need not notice the slow one.
    """
    dead_end = Proxy(scene.stack.port)
    try:
        sent = scene.alice.send("rate=60 tokens=2400")
        _, half_open = open_behind(dead_end, scene, sent)
        scene.wait_for(lambda: len(half_open.numbers) >= 10)
        dead_end.swallow()
        network.rate = SLOW
        _, slow = open_behind(network, scene, sent)
        memory = scene.memory_of("web")
        ended = scene.wait_status(sent, "complete", "interrupted", seconds=150)
        assert (ended["status"], numbers_in(ended["text"])) == ("complete", list(range(2400)))
        scene.wait_for(lambda: sent.shown.ended)
        assert not slow.ended
        assert scene.memory_of("web") - memory < MEMORY_GROWTH_KB
        scene.wait_for(lambda: dead_end.dropped > 0, DEAD_SOCKET_SECONDS)
        dead_end.restore()
        network.cut()
        network.restore()
        scene.wait_for(lambda: half_open.ended and slow.ended, 120)
        prove()
    finally:
        dead_end.close()
