"""Citations in a real browser: by pointer, by keyboard, while the answer runs, and the printed page behind one."""

import re

import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.browser import User

pytestmark = pytest.mark.e2e
HOLIDAY = "How many days of paid holiday does the handbook give? It says so here [1]."


def card(user: User) -> Locator:
    return user.page.locator("[data-testid=source-card]:popover-open")


def panel(user: User) -> Locator:
    return user.page.locator("[data-testid=source-panel]:popover-open")


def test_pointing_at_a_citation_shows_its_source(alice: User) -> None:
    alice.ask(f"rate=200 say: {HOLIDAY}")
    alice.wait_settled()
    citation = alice.answers.last.get_by_test_id("citation").first
    citation.hover()
    expect(card(alice)).to_contain_text(re.compile(r"\w+\.(md|pdf|docx|txt)"))
    card(alice).hover()  # It may be read, and its text selected.
    expect(card(alice)).to_be_visible()
    alice.page.keyboard.press("Escape")
    expect(card(alice)).to_have_count(0)
    alice.page.get_by_test_id("composer").hover()
    citation.hover()
    expect(card(alice)).to_be_visible()
    alice.page.get_by_test_id("composer").hover()
    expect(card(alice)).to_have_count(0)


def test_the_keyboard_shows_opens_and_closes(alice: User) -> None:
    alice.ask(f"rate=200 say: {HOLIDAY}")
    alice.wait_settled()
    citation = alice.answers.last.get_by_test_id("citation").first
    alice.page.keyboard.press("Tab")
    citation.focus()
    expect(card(alice)).to_be_visible()
    expect(alice.page.locator("#announcer")).to_contain_text(re.compile(r"\w"))
    alice.page.keyboard.press("Enter")
    expect(panel(alice).locator("blockquote")).not_to_be_empty()
    expect(card(alice)).to_have_count(0)
    alice.page.keyboard.press("Escape")
    expect(panel(alice)).to_have_count(0)
    expect(citation).to_be_focused()


def test_sources_are_there_before_the_end_of_the_answer(alice: User) -> None:
    alice.order(f"rate=2 say: {HOLIDAY} " + "Read it there before you plan your days of paid holiday. " * 3)
    citation = alice.answers.last.get_by_test_id("citation").first
    citation.hover(timeout=60_000)
    expect(card(alice)).to_be_visible()
    citation.click()
    expect(panel(alice).locator("blockquote")).not_to_be_empty()
    expect(alice.answers.last).to_have_attribute("data-status", "answering")
    alice.page.keyboard.press("Escape")
    alice.page.get_by_test_id("stop").click()
    alice.wait_settled()
    alice.answers.last.get_by_test_id("citation").first.click()
    expect(panel(alice).locator("blockquote")).not_to_be_empty()
