"""An administrator closes an account in a browser; whose it was sees it at once."""

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.e2e.browser import ANSWER_MS, DESKTOP, PHONE, User, at_browser
from tests.e2e.test_accessibility import assert_sound
from tests.stack import Stack

pytestmark = pytest.mark.e2e
PEOPLE = "/console/users/"


def open_person(ada: User, name: str) -> None:
    ada.open(f"{PEOPLE}?words={name}")
    assert_sound(ada)
    ada.page.get_by_test_id("person-row").get_by_role("link", name=name).click()
    expect(ada.page.get_by_role("heading", level=1)).to_have_text(name)
    assert_sound(ada)


def submit(ada: User, form: Locator, *, reason: str, confirm: str) -> None:
    form.get_by_label("Reason").fill(reason)
    form.get_by_role("button").click()
    dialog = ada.page.locator("#confirm")
    expect(dialog).to_be_visible()
    assert_sound(ada)
    dialog.get_by_role("button", name=confirm).click()


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_an_account_is_closed_and_opened_again(browser: Browser, scripted_stack: Stack, size: tuple[int, int]) -> None:
    with at_browser(browser, scripted_stack) as theirs, at_browser(browser, scripted_stack, size=size) as ada:
        theirs.sign_in("mallory")
        expect(theirs.page.locator("main[data-connected]")).to_be_attached(timeout=ANSWER_MS)
        ada.sign_in("ada")
        open_person(ada, "mallory")
        submit(ada, ada.page.get_by_test_id("close-account"), reason="left the company", confirm="Close")
        expect(ada.page.get_by_test_id("account-state")).to_have_text("Closed")
        assert_sound(ada)
        theirs.page.goto(scripted_stack.base_url + "/")
        expect(theirs.page.get_by_test_id("sign-in")).to_be_visible()
        submit(ada, ada.page.get_by_test_id("open-account"), reason="came back", confirm="Open")
        expect(ada.page.get_by_test_id("account-state")).to_have_text("Open")
        theirs.complaints.clear()  # The browser itself reports what its closed session was answered.
