"""The picture in the README is the product's own: a real question, answered by the real default model."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.e2e.browser import User, at_browser
from tests.stack import Stack

pytestmark = pytest.mark.e2e
UPDATE = os.environ.get("CHATAPP_UPDATE_SCREENSHOT") == "1"
PICTURE = Path(__file__).parents[2] / "docs" / "screenshot.png"
QUESTION = "Could I work from my flat in Spain for a while, and for how long at most?"
MINUTES = 60_000


@pytest.fixture
def pictured(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stack]:
    """For a new picture the product with its default models, otherwise the one that the other tests use."""
    if not UPDATE:
        yield request.getfixturevalue("stack")
        return
    stack = Stack(tmp_path / "home")
    del stack.environment["CHATAPP_DEMO_MODELS"], stack.environment["CHATAPP_SCRIPTED_MODEL"]
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()


def test_screenshot(browser: Browser, pictured: Stack, tmp_path: Path) -> None:
    picture = PICTURE if UPDATE else tmp_path / "screenshot.png"
    with at_browser(browser, pictured, size=(1280, 800)) as user:
        user.sign_in("alice")
        user.ask(QUESTION)
        user.wait_settled(4 * MINUTES)
        assert user.complaints == []
        take(user, picture)
    assert picture.stat().st_size > 20_000


def take(user: User, picture: Path) -> None:
    user.page.get_by_test_id("composer").blur()
    user.page.screenshot(path=picture)
