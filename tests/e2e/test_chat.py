"""What an employee does with the chat page, in a real browser against the whole product."""

import re
from uuid import uuid4

import pytest
from playwright.sync_api import expect

from tests.e2e.browser import ANSWER_MS, User, numbered

pytestmark = pytest.mark.e2e


def words(user: User) -> list[str]:
    return re.findall(r"t\d{6}", user.answers.last.inner_text())


def test_an_answer_survives_a_reload_in_the_middle_and_reads_the_same_in_a_second_tab(alice: User) -> None:
    alice.order("rate=25 tokens=160")
    alice.wait_text("t000030")
    alice.page.reload()
    expect(alice.answers.last).to_have_attribute("data-status", "answering")
    assert "t000010" in words(alice)
    alice.wait_settled()
    expect(alice.answers.last).to_have_attribute("data-status", "complete")
    assert words(alice) == numbered(160)
    tab = User(alice.page.context.new_page(), alice.stack)
    tab.page.goto(alice.page.url)
    assert words(tab) == numbered(160)
    assert tab.complaints == []


def test_stop_keeps_what_was_written(alice: User) -> None:
    alice.order("rate=20 tokens=2000")
    alice.wait_text("t000010")
    expect(alice.page.get_by_test_id("send")).to_be_hidden()
    alice.page.get_by_test_id("stop").click()
    expect(alice.answers.last).to_have_attribute("data-status", "stopped", timeout=ANSWER_MS)
    shown = words(alice)
    assert shown[:10] == numbered(10)
    alice.page.reload()
    assert words(alice) == shown
    expect(alice.page.get_by_test_id("send")).to_be_visible()


def test_markdown_arrives_rendered_and_inert(alice: User) -> None:
    alice.order(
        "rate=200 say: **bold** <img src=x onerror=alert(1)>\n\n```python\nprint(1)\n```\n\n| a |\n|--:|\n| 1 |"
    )
    alice.wait_settled()
    answer = alice.answers.last
    expect(answer.locator("strong")).to_have_text("bold")
    expect(answer.locator("td.align-right")).to_have_text("1")
    expect(answer.locator(".code-head button")).to_have_text("Copy")
    expect(answer.locator("img")).to_have_count(0)


def test_a_citation_opens_the_passage_and_leads_to_the_document(alice: User) -> None:
    alice.ask("rate=200 say: How many days of paid holiday does the handbook give? It says so here [1].")
    alice.wait_settled()
    alice.answers.last.get_by_test_id("citation").first.click()
    panel = alice.page.locator("[data-testid=source-panel]:popover-open")
    expect(panel.locator("blockquote")).not_to_be_empty()
    alice.page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    alice.answers.last.get_by_test_id("citation").first.click()
    panel.get_by_test_id("open-document").click()
    expect(alice.page).to_have_url(re.compile(r"/knowledge/documents/[0-9a-f-]{36}/\?version=1#passage-\d+"))


def test_editing_and_answering_again_make_branches(alice: User) -> None:
    alice.order("rate=400 say: first")
    alice.wait_settled()
    alice.page.get_by_test_id("message-user").hover()
    alice.page.get_by_test_id("edit").click()
    alice.page.locator("#edit-text").fill("rate=400 say: second")
    alice.page.keyboard.press("Enter")
    expect(alice.answers.last).to_contain_text("second", timeout=ANSWER_MS)
    alice.wait_settled()
    alice.page.get_by_test_id("branch-prev").click()
    expect(alice.answers.last).to_contain_text("first")
    alice.page.get_by_test_id("branch-next").click()
    expect(alice.answers.last).to_contain_text("second")
    alice.page.get_by_test_id("regenerate").click()
    expect(alice.answers.last.locator(".branch")).to_have_attribute("aria-label", "Version 2 of 2", timeout=ANSWER_MS)
    alice.wait_settled()


def test_a_message_that_is_too_long_is_refused_beside_the_composer_and_kept(alice: User) -> None:
    text = "x" * 33_000
    alice.page.get_by_test_id("composer").fill(text)
    expect(alice.page.locator("#composer-count")).to_have_text("33,000 of 32,000")
    alice.page.get_by_test_id("send").click()
    expect(alice.page.locator("#composer-error")).to_contain_text("the limit is 32,000")
    assert alice.page.get_by_test_id("composer").input_value() == text
    # The browser itself reports every 4xx answer as an error of the page.
    assert [c for c in alice.complaints if "413" not in c] == []
    alice.complaints.clear()


def test_a_draft_is_kept_in_the_tab(alice: User) -> None:
    alice.page.get_by_test_id("composer").fill("half a thought")
    alice.page.reload()
    expect(alice.page.get_by_test_id("composer")).to_have_value("half a thought")


def test_conversations_are_renamed_and_deleted(alice: User) -> None:
    title = f"{uuid4().hex} rate=400 say: done"
    alice.ask(title)
    alice.wait_settled()
    listed = alice.page.get_by_test_id("conversation")
    listed.filter(has_text=title[:20]).first.locator("[popovertarget]").click()
    alice.page.locator(":popover-open").get_by_test_id("rename").click()
    alice.page.get_by_role("textbox", name="Title").fill("Plans for spring")
    alice.page.keyboard.press("Enter")
    current = alice.page.get_by_role("link", name="Plans for spring")
    expect(current).to_have_attribute("aria-current", "page")
    listed.filter(has_text="Plans for spring").locator("[popovertarget]").click()
    alice.page.locator(":popover-open").get_by_test_id("delete").click()
    alice.page.get_by_role("button", name="Delete", exact=True).click()
    expect(alice.page).to_have_url(f"{alice.stack.base_url}/")
    expect(alice.page.get_by_text("Plans for spring")).to_have_count(0)


def test_everything_can_be_done_from_the_keyboard(alice: User) -> None:
    keyboard = alice.page.keyboard
    alice.open("/")
    alice.page.locator("body").press("Tab")
    alice.page.get_by_test_id("composer").focus()
    keyboard.type("rate=400 say: one")
    keyboard.press("Shift+Enter")
    keyboard.type("two")
    keyboard.press("Enter")
    expect(alice.page.get_by_test_id("message-user")).to_contain_text("one\ntwo")
    alice.wait_settled()
    alice.page.get_by_test_id("composer").focus()
    for _ in range(12):
        keyboard.press("Shift+Tab")
        if alice.page.evaluate("document.activeElement.dataset.testid") == "regenerate":
            break
    keyboard.press("Enter")
    expect(alice.answers.last.locator(".branch")).to_be_visible(timeout=ANSWER_MS)
    alice.wait_settled()


def test_the_theme_is_remembered(alice: User) -> None:
    toggle = alice.page.locator("[data-theme-toggle]")
    toggle.click()
    toggle.click()
    expect(toggle).to_have_attribute("aria-label", "Theme: dark")
    alice.page.reload()
    expect(alice.page.locator("html")).to_have_attribute("data-theme", "dark")
