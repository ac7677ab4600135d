"""Where the page stands while an answer grows."""

import pytest
from playwright.sync_api import expect

from tests.e2e.browser import User

pytestmark = pytest.mark.e2e
_TOP = "document.scrollingElement.scrollTop"
_LENGTH = "document.scrollingElement.scrollHeight"


def test_the_end_stays_in_view_until_the_reader_scrolls_up(alice: User) -> None:
    page = alice.page
    jump = page.locator("#jump")
    alice.ask("rate=80 tokens=4000 markdown=1")
    page.wait_for_function(f"() => {_LENGTH} > 2 * innerHeight")
    alice.ask("rate=80 tokens=10")
    page.wait_for_function(f"() => {_LENGTH} > 3 * innerHeight")
    expect(jump).to_be_hidden()
    page.wait_for_function(f"() => {_LENGTH} - {_TOP} - innerHeight < 96")
    page.mouse.move(700, 300)
    page.mouse.wheel(0, -700)
    expect(jump).to_be_visible()
    page.wait_for_timeout(500)  # Smooth scrolling ends.
    top, length = page.evaluate(f"[{_TOP}, {_LENGTH}]")
    page.wait_for_function(f"() => {_LENGTH} > {length} + 300")
    assert page.evaluate(_TOP) == top
    jump.click()
    expect(jump).to_be_hidden()
    page.wait_for_function(f"() => {_LENGTH} - {_TOP} - innerHeight < 96")
    page.get_by_test_id("stop").click()
