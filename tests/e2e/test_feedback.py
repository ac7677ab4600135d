"""From a thumb down to what the employee is told of it, in a real browser against the whole product."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.browser import ANSWER_MS, User, at_browser
from tests.e2e.test_accessibility import violations
from tests.stack import Stack

pytestmark = pytest.mark.e2e


@pytest.fixture
def mona(browser: Browser, scripted_stack: Stack) -> Iterator[User]:
    with at_browser(browser, scripted_stack) as user:
        user.sign_in("mona")
        yield user
        assert user.complaints == []


def test_a_thumb_down_is_triaged_asked_again_and_answered(alice: User, mona: User) -> None:
    alice.order("rate=500 say: We close at noon on Fridays.")
    alice.wait_settled()
    down, why = alice.page.get_by_test_id("thumb-down"), alice.page.get_by_test_id("rating-form")
    down.focus()
    alice.page.keyboard.press("Enter")
    expect(alice.page.get_by_role("checkbox", name="It is wrong")).to_be_focused()
    alice.page.keyboard.press("Space")
    assert violations(alice) == []
    why.get_by_role("textbox").fill("Since May it is one o'clock.")
    alice.page.get_by_test_id("rating-send").click()
    expect(alice.page.locator("#toasts")).to_contain_text("Thank you")
    expect(why).to_have_count(0)
    expect(down).to_be_focused()
    alice.page.reload()
    expect(down).to_have_attribute("aria-pressed", "true")
    expect(alice.page.get_by_test_id("thumb-up")).to_have_attribute("aria-pressed", "false")

    mona.open("/console/feedback/")
    row = mona.page.get_by_test_id("feedback-row").first
    expect(row).to_contain_text("Since May it is one o'clock.")
    assert violations(mona) == []
    mona.page.keyboard.press("j")
    expect(row).to_be_focused()
    mona.page.keyboard.press("a")
    expect(row).to_have_attribute("data-status", "acknowledged")
    row.press("Enter")  # The focus is there, or on what is new below.
    detail = mona.page.get_by_test_id("feedback-detail")
    expect(mona.page.get_by_test_id("old-answer")).to_contain_text("We close at noon on Fridays.")
    mona.page.get_by_label("Ask again, of").select_option("scripted")
    mona.page.get_by_test_id("feedback-rerun").click()
    again = mona.page.get_by_test_id("rerun")
    expect(again).to_have_attribute("data-status", "complete", timeout=ANSWER_MS)
    expect(again).to_contain_text("We close at noon on Fridays.")
    assert violations(mona) == []
    mona.page.get_by_label("Answer alice").fill("You are right. The page on opening hours was corrected.")
    mona.page.get_by_test_id("feedback-reply").click()
    expect(detail).to_have_attribute("data-status", "answered")

    alice.page.reload()
    notice = alice.page.get_by_test_id("new-notice")
    expect(notice).to_contain_text("The page on opening hours was corrected.")
    alice.page.get_by_test_id("notice-read").click()
    expect(notice).to_have_count(0)


def test_a_thumb_is_changed_and_taken_back_and_escape_closes_the_form(alice: User) -> None:
    alice.order("rate=500 tokens=5")
    alice.wait_settled()
    up, down = alice.page.get_by_test_id("thumb-up"), alice.page.get_by_test_id("thumb-down")
    up.click()
    expect(up).to_have_attribute("aria-pressed", "true")
    expect(up).to_be_focused()
    down.click()
    expect(up).to_have_attribute("aria-pressed", "false")
    expect(alice.page.get_by_role("checkbox", name="It is wrong")).to_be_focused()
    alice.page.keyboard.press("Escape")
    expect(alice.page.get_by_test_id("rating-form")).to_have_count(0)
    expect(down).to_have_attribute("aria-pressed", "true")
    alice.page.get_by_test_id("rating-why").click()
    expect(alice.page.get_by_test_id("rating-form")).to_be_visible()
    down.click()
    expect(down).to_have_attribute("aria-pressed", "false")
    expect(alice.page.get_by_test_id("rating-form")).to_have_count(0)
