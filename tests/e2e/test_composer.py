"""What somebody writes is sent once, is never lost, and is what the page shows next."""

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.e2e.browser import PHONE, User
from tests.stack import Stack

pytestmark = pytest.mark.e2e
_LONG = "rate=900 say: " + "A question so long that the composer has grown to several lines. " * 8


def test_a_long_question_is_in_view_once_it_was_sent(alice: User) -> None:
    alice.order("rate=900 tokens=400")
    alice.wait_settled()
    alice.order(_LONG)
    alice.wait_settled()
    expect(alice.page.locator("#jump")).to_be_hidden()
    expect(alice.answers.last.get_by_test_id("regenerate")).to_be_in_viewport()


def test_what_is_written_while_a_message_is_sent_stays(alice: User) -> None:
    composer = alice.page.get_by_test_id("composer")

    def write_on(route: Route) -> None:
        composer.press_sequentially(" And the next")
        route.continue_()

    alice.page.route("**/messages/", write_on)
    alice.order("rate=900 say: one")
    alice.wait_settled()
    expect(composer).to_have_value("And the next")
    expect(alice.page.get_by_test_id("message-user")).to_have_text("rate=900 say: one")


def test_who_writes_keeps_the_place_where_they_read(alice: User) -> None:
    alice.order("rate=5000 tokens=3000")
    alice.wait_settled()
    alice.page.evaluate("scrollTo(0, 200)")
    composer = alice.page.get_by_test_id("composer")
    composer.click()
    composer.press_sequentially("What about")
    assert alice.page.evaluate("scrollY") == 200


def test_enter_starts_a_new_line_on_a_phone(browser: Browser, stack: Stack) -> None:
    width, height = PHONE
    context = browser.new_context(viewport={"width": width, "height": height}, has_touch=True, is_mobile=True)
    try:
        user = User(context.new_page(), stack)
        user.sign_in("alice")
        assert user.page.evaluate("scrollY") == 0  # The focus in the composer has not moved the page.
        composer = user.page.get_by_test_id("composer")
        composer.fill("one")
        composer.press("Enter")
        expect(composer).to_have_value("one\n")
        assert user.complaints == []
    finally:
        context.close()


def test_the_keyboard_goes_on_where_it_was(alice: User) -> None:
    """Whatever is swapped: another version of an answer, an edit given up, a title, a conversation that is deleted."""
    page = alice.page
    alice.order("rate=900 say: one")
    alice.wait_settled()
    page.get_by_test_id("regenerate").press("Enter")
    page.locator(".branch").wait_for()
    alice.wait_settled()
    page.get_by_test_id("branch-prev").press("Enter")
    expect(page.get_by_test_id("branch-next")).to_be_focused()
    page.get_by_test_id("edit").press("Enter")
    expect(page.locator("#edit-text")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("edit")).to_be_focused()
    row = page.get_by_test_id("conversation").first
    row.get_by_role("button").first.press("Enter")
    row.get_by_test_id("rename").press("Enter")
    expect(row.get_by_label("Title", exact=True)).to_be_focused()
    page.keyboard.press("Escape")
    expect(row.get_by_role("link")).to_be_focused()


def test_a_source_that_is_closed_leaves_no_card(alice: User) -> None:
    alice.ask("rate=200 say: Which gifts may I accept from a supplier? It is said here [1].")
    alice.wait_settled()
    citation = alice.answers.last.locator("a.citation").first
    citation.press("Enter")
    alice.page.locator("[data-testid=source-panel]:popover-open").wait_for()
    alice.page.keyboard.press("Escape")
    expect(citation).to_be_focused()
    alice.page.wait_for_timeout(300)  # A card would show itself by now.
    expect(alice.page.get_by_test_id("source-card")).to_be_hidden()
