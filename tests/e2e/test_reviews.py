"""An answer is reported, taken back while two pages show it, appealed against by keyboard, and given back."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.browser import User
from tests.stack import Stack

pytestmark = pytest.mark.e2e
Call = Callable[..., Any]


@pytest.fixture
def as_reviewer(scripted_stack: Stack) -> Callable[[str], Call]:
    """Calls of the API as that person."""

    def sign_in(username: str) -> Call:
        key = scripted_stack.manage("create_api_key", username).split()[-1]

        def call(method: str, path: str, **body: Any) -> Any:
            response = httpx.request(
                method,
                f"{scripted_stack.base_url}/api/v1/{path}",
                headers={"Authorization": f"Bearer {key}"},
                json=body or None,
            )
            assert response.status_code < 300, response.text
            return response.json()

        return call

    return sign_in


def decide(call: Call, source: str, generation: str | None, **decision: Any) -> None:
    [flag] = [f for f in call("GET", f"flags?source={source}")["items"] if f["generation"] == generation]
    call("POST", f"flags/{flag['id']}/claim")
    call("POST", f"flags/{flag['id']}/decide", **decision)


def send_by_keyboard(user: User, opener: Locator, words: str, *, form: str) -> None:
    opener.focus()
    user.page.keyboard.press("Enter")
    text = user.page.get_by_test_id(form).locator("textarea")
    text.wait_for()
    if form == "report-form":
        expect(user.page.get_by_test_id(form).locator("input[type=radio]").first).to_be_focused()
        user.page.keyboard.press("ArrowDown")  # Unsafe or offensive.
    text.focus()
    user.page.keyboard.type(words)
    user.page.keyboard.press("Tab")
    user.page.keyboard.press("Enter")


def test_two_pages_lose_a_retracted_answer_and_an_appeal_brings_it_back(
    alice: User, as_reviewer: Callable[[str], Call]
) -> None:
    mona, ada = as_reviewer("mona"), as_reviewer("ada")
    alice.order("rate=200 tokens=20")
    alice.wait_settled()
    answer = alice.answers.last
    generation = answer.get_attribute("data-generation")
    send_by_keyboard(alice, answer.get_by_test_id("report"), "It insults me.", form="report-form")
    expect(answer.get_by_test_id("report-state")).to_be_focused()
    expect(answer.get_by_test_id("report")).to_have_count(0)
    second = alice.page.context.new_page()
    second.goto(alice.page.url)
    other = second.get_by_test_id("message-assistant").last
    expect(other).to_contain_text("t000019")
    second.wait_for_selector("main[data-connected]")

    decide(mona, "report", generation, decision="uphold", reason_code="abuse", effects=["retract"])
    for shown in (answer, other):
        expect(shown).to_have_attribute("data-status", "retracted", timeout=20_000)
        expect(shown).to_contain_text("taken this answer back")
        expect(shown).not_to_contain_text("t000001")
    told = "A reviewer agrees with you and took the answer back."
    notice = alice.page.get_by_test_id("new-notice")
    expect(notice).to_contain_text(told)
    alice.page.reload()
    expect(answer).to_have_attribute("data-status", "retracted")
    assert "t000001" not in alice.page.content()
    notice.get_by_test_id("notice-read").click()
    expect(notice.filter(has_text=told)).to_have_count(0)

    send_by_keyboard(alice, answer.get_by_test_id("appeal"), "It is only a list.", form="appeal-form")
    expect(answer.get_by_test_id("appeal-state")).to_contain_text("A reviewer looks at it")
    decide(ada, "appeal", generation, decision="dismiss", reason_code="false_alarm")
    for shown in (answer, other):
        expect(shown).to_have_attribute("data-status", "complete", timeout=20_000)
        expect(shown).to_contain_text("t000019")
    expect(answer.get_by_test_id("appeal-state")).to_contain_text("it was granted")
    alice.open("/notices/")
    rows = alice.page.get_by_test_id("notice-row")
    expect(rows.nth(0)).to_contain_text("Your appeal was granted: the answer is shown again.")
    expect(rows.nth(1)).to_contain_text(told)
    second.close()
