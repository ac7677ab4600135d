"""Every page, light and dark, wide and narrow: no axe violation, no sideways scrolling, nothing on the console."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from tests.e2e.browser import ANSWER_MS, DESKTOP, PHONE, Scheme, User, at_browser
from tests.e2e.sockets import Sockets
from tests.stack import Stack

pytestmark = pytest.mark.e2e
PAGES = {
    "alice": ["/settings/readings/", "/", "/knowledge/"],
    "ada": [
        "/console/",
        "/console/models/",
        "/console/routes/",
        "/console/workers/",
        "/console/usage/",
        "/console/budgets/",
        "/console/flags/",
        "/console/audit/",
        "/console/readings/",
        "/console/users/",
        "/knowledge/collections/handbook/evaluation/",
        "/knowledge/search/?q=holiday",
    ],
}
SAMPLE = (
    "rate=400 say: # Title\n\nSome `code` and [a link](https://ok.example).\n\n```python\nx = 1  # one\n```\n\n> quoted"
)


def violations(user: User) -> list[str]:
    # Colours are measured on the page at rest, not in the middle of a transition.
    user.page.evaluate("Promise.allSettled(document.getAnimations().map((animation) => animation.finished))")
    found = Axe().run(user.page).response["violations"]
    return [f"{rule['id']}: {node['target']} {node['failureSummary']}" for rule in found for node in rule["nodes"]]


def assert_sound(user: User) -> None:
    assert violations(user) == []
    assert not user.overflows()
    assert user.complaints == []


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def size(request: pytest.FixtureRequest) -> tuple[int, int]:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> Scheme:
    return request.param  # type: ignore[no-any-return]


def test_sign_in(browser: Browser, stack: Stack, size: tuple[int, int], scheme: Scheme) -> None:
    with at_browser(browser, stack, size=size, scheme=scheme) as user:
        user.open("/accounts/login/")
        assert_sound(user)
        user.page.fill("#id_login", "alice")
        user.page.fill("#id_password", "wrong")
        user.page.get_by_test_id("sign-in").click()
        user.page.get_by_test_id("error").wait_for()
        assert_sound(user)


@pytest.mark.parametrize("person", PAGES)
def test_pages(browser: Browser, stack: Stack, person: str, size: tuple[int, int], scheme: Scheme) -> None:
    with at_browser(browser, stack, size=size, scheme=scheme) as user:
        user.sign_in(person)
        for path in PAGES[person]:
            user.open(path)
            assert_sound(user)


def test_an_answered_conversation(
    browser: Browser, scripted_stack: Stack, size: tuple[int, int], scheme: Scheme
) -> None:
    with at_browser(browser, scripted_stack, size=size, scheme=scheme) as user:
        user.sign_in("alice")
        user.order(SAMPLE)
        user.wait_settled()
        assert_sound(user)
        if size == PHONE:
            user.page.get_by_role("button", name="Menu", exact=True).click()
            user.page.get_by_test_id("new-chat").wait_for()
            assert_sound(user)


def test_a_running_conversation(browser: Browser, scripted_stack: Stack, size: tuple[int, int], scheme: Scheme) -> None:
    """An answer that runs, follow-ups that wait for it, the offer of a smaller model, a lost connection, stops."""
    with at_browser(browser, scripted_stack, size=size, scheme=scheme) as user:
        sockets = Sockets(user.page)
        user.sign_in("alice")
        user.order("rate=15 tokens=2000")
        user.answers.first.get_by_text("t000003").wait_for(timeout=ANSWER_MS)
        for text in ("rate=400 say: two", "rate=400 say: three"):
            waiting = user.ask(text)
        generation = waiting.get_attribute("data-generation")
        sockets.withheld = {"status"}
        state = {"generation": generation, "status": "queued", "note": "", "follows": False, "faster": "small"}
        sockets.say(type="status", position=3, wait_seconds=40, **state)
        expect(waiting.get_by_test_id("switch-model")).to_be_visible()
        user.page.locator("#offline").evaluate("banner => { banner.hidden = false; }")
        user.page.get_by_test_id("composer").fill("the next one")
        assert_sound(user)
        for answer in (user.answers.nth(2), user.answers.nth(1)):
            answer.get_by_test_id("cancel-queued").click()
            expect(answer).to_have_attribute("data-status", "stopped", timeout=ANSWER_MS)
        user.page.get_by_test_id("stop").click()
        user.wait_settled()
        assert_sound(user)


def test_a_citation_and_the_printed_page(
    browser: Browser, scripted_stack: Stack, size: tuple[int, int], scheme: Scheme
) -> None:
    with at_browser(browser, scripted_stack, size=size, scheme=scheme) as user:
        user.sign_in("alice")
        user.ask("rate=200 say: Which gifts may I accept from a supplier? It is said here [1].")
        user.wait_settled()
        citation = user.answers.last.get_by_label("Source 1, weak support")
        citation.hover()
        user.page.get_by_test_id("source-card").wait_for()
        assert_sound(user)
        user.page.keyboard.press("Escape")
        citation.click()
        panel = user.page.locator("[data-testid=source-panel]:popover-open")
        panel.get_by_test_id("open-document").wait_for()
        assert_sound(user)
        panel.get_by_test_id("open-page").click()
        user.page.locator("[data-printed-sheet]:not([data-waiting])").wait_for(timeout=ANSWER_MS)
        expect(user.page.get_by_test_id("page-marks").locator("rect").first).to_be_attached()
        assert_sound(user)
