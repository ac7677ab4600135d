"""Faults as a person at a real browser sees them: nothing to repair, nothing to reload."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.browser import ANSWER_MS, User, at_browser, numbered
from tests.faults.conftest import Prove
from tests.faults.person import Sent
from tests.faults.scene import Scene
from tests.faults.watching import numbers_in

pytestmark = pytest.mark.faults
_AWAY = re.compile(r"WebSocket|ERR_CONNECTION|Failed to load resource")


@pytest.fixture
def alice(browser: Browser, scene: Scene) -> Iterator[User]:
    """The browser complains of the server that is away, and of nothing else."""
    with at_browser(browser, scene.stack) as user:
        user.sign_in("alice")
        yield user
        assert [complaint for complaint in user.complaints if not _AWAY.search(complaint)] == []


def ask(user: User, scene: Scene, script: str) -> Sent:
    user.order(script)
    user.wait_text("t000010")
    conversation = user.page.url.rstrip("/").rpartition("/")[2]
    return scene.alice.adopt(conversation, script)


def words(user: User) -> list[str]:
    return re.findall(r"t\d{6}", user.answers.last.inner_text())


@pytest.mark.fault("F16")
def test_the_page_shows_every_word_when_web_dies_in_mid_answer(scene: Scene, alice: User, prove: Prove) -> None:
    ask(alice, scene, "rate=20 tokens=240")
    scene.stack.wait_restarted("web", scene.stack.kill("web"))
    expect(alice.answers.last).to_have_attribute("data-status", "complete", timeout=2 * ANSWER_MS)
    assert words(alice) == numbered(240)
    alice.page.reload()
    assert words(alice) == numbered(240)
    prove()


@pytest.mark.fault("F01")
def test_the_page_keeps_the_words_and_offers_a_retry_when_the_worker_dies(
    scene: Scene, alice: User, prove: Prove
) -> None:
    sent = ask(alice, scene, "rate=20 tokens=2000")
    scene.stack.wait_restarted("inference", scene.stack.kill("inference"))
    expect(alice.answers.last).to_have_attribute("data-status", "interrupted", timeout=ANSWER_MS)
    kept = words(alice)
    assert kept == numbered(len(kept))
    assert len(kept) > 10
    assert numbers_in(scene.stored(sent)["text"]) == list(range(len(kept)))
    alice.page.reload()
    assert words(alice) == kept
    alice.page.get_by_test_id("retry").click()
    alice.wait_text("t000005")
    alice.page.get_by_test_id("stop").click()
    expect(alice.answers.last).to_have_attribute("data-status", "stopped", timeout=ANSWER_MS)
    prove("worker_lost")
