"""An administrator makes a version, tries it, puts it into shadow and activates it, in a browser."""

import json
import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from pytest_django.live_server_helper import LiveServer

from chatapp.accounts.models import User
from chatapp.console.tests.test_browser import findings_of_axe, sign_in
from chatapp.moderation.models import FlagStatus
from chatapp.moderation.tests.replaying import PATTERN, SCORED, decide, finish, keep, make_policy, scored_kind, start
from tests.e2e.browser import FLAGS, find_chromium

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def kind() -> Iterator[None]:
    with scored_kind():
        yield


@pytest.fixture
def addresses(ada: User) -> dict[str, str]:
    """Of a version in force with decided flags, and of a draft that was replayed over them."""
    active = make_policy(SCORED, activate=True)
    for number in range(24):
        status = FlagStatus.UPHELD if number % 3 or number < 9 else FlagStatus.DISMISSED
        decide(keep(f"A sentence of score={0.9 - number / 40:.3f}", policy=active), status)
    keep("Write to jane@example.org about BLOCKME, she knows")
    passages = {**PATTERN, "name": "passages", "stage": "context", "routes": ["far"]}
    draft = make_policy({**SCORED, "threshold": 0.45}, PATTERN, passages)
    replay = finish(start(ada, draft))
    return {
        "list": "", "detail": f"{draft.pk}/", "editor": f"new/?from={draft.pk}", "replay": f"replays/{replay.pk}/",
        "diff": f"{draft.pk}/diff/{active.pk}/", "chosen": f"replays/{replay.pk}/?check=0&threshold=0.6",
    }  # fmt: skip


# The database is filled before: within Playwright's loop Django asks nothing.
@pytest.fixture
def browser(addresses: dict[str, str]) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        yield browser
        browser.close()


def confirm(page: Page, button: str, label: str) -> None:
    page.get_by_test_id(button).click()
    page.get_by_role("dialog").get_by_role("button", name=label).click()


def not_refusals(problems: list[str]) -> list[str]:
    """Chromium tells of each answer with a status of 400, which the editor's errors have."""
    return [problem for problem in problems if "status of 400" not in problem]


def test_from_the_editor_into_shadow_and_into_force(browser: Browser, live_server: LiveServer) -> None:
    page, problems = sign_in(browser, live_server, width=1280, scheme="light")
    page.goto(f"{live_server.url}/console/policies/")
    page.get_by_role("link", name="company@1", exact=True).click()
    page.get_by_test_id("policy-derive").click()
    page.fill("#policy-checks", json.dumps([{**PATTERN, "patterns": ["(x"]}]))
    page.get_by_test_id("policy-save").click()
    assert "Checks[0]: patterns[0]" in page.get_by_test_id("error").inner_text()
    assert "(x" in page.input_value("#policy-checks")
    page.fill("#policy-checks", json.dumps([{**PATTERN, "action": "flag"}]))
    page.fill("#policy-sample", "say BLOCKME now")
    page.get_by_test_id("policy-try").click()
    page.get_by_text("Would flag").wait_for()
    assert page.get_by_test_id("policy-tried").locator("mark").inner_text() == "BLOCKME"
    page.get_by_test_id("policy-save").click()
    page.wait_for_url("**/console/policies/*-*/")
    assert page.get_by_test_id("policy-state").inner_text() == "Draft"
    page.get_by_test_id("policy-compare").click()
    page.get_by_test_id("diff-row").first.wait_for()
    page.go_back()
    confirm(page, "policy-to-shadow", "Put into shadow")
    assert "give a reason" in page.get_by_test_id("error").inner_text()
    page.fill("#reason", "Look first.")
    confirm(page, "policy-to-shadow", "Put into shadow")
    page.get_by_test_id("shadow").wait_for()
    page.fill("#reason", "It is right.")
    confirm(page, "policy-to-active", "Activate")
    page.get_by_test_id("policy-back").wait_for()
    assert page.get_by_test_id("policy-state").inner_text() == "Active"
    page.fill("#reason", "It was not.")
    confirm(page, "policy-back", "Roll back")
    page.get_by_text("company@1 applies to new messages and answers now.").wait_for()
    assert page.get_by_test_id("policy-state").inner_text() == "Active"
    assert not_refusals(problems) == []


@pytest.mark.parametrize("width,scheme", [(390, "dark"), (1440, "light")])
def test_pages_fit_and_are_accessible(
    browser: Browser, live_server: LiveServer, addresses: dict[str, str], width: int, scheme: str
) -> None:
    page, problems = sign_in(browser, live_server, width=width, scheme=scheme)
    for name, path in addresses.items():
        page.goto(f"{live_server.url}/console/policies/{path}")
        if name == "editor":
            page.fill("#policy-checks", "[{")
            page.get_by_test_id("policy-save").click()
            page.get_by_test_id("error").wait_for()
        page.evaluate("document.querySelectorAll('main details').forEach((one) => (one.open = true))")
        if folder := os.environ.get("CHATAPP_SHOTS"):
            page.screenshot(path=f"{folder}/{name}-{width}-{scheme}.png", full_page=True)
        assert findings_of_axe(page) == ""
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    dots = page.locator(".pr-dot")
    dots.nth(3).focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".pr-dot:nth-of-type(4)[aria-current=true]")
    assert not_refusals(problems) == []
