"""A real browser on the running product, and the few things that every scenario does with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page

from chatapp.runtime.browser import find_browser
from tests.stack import DEMO_PASSWORD, Stack

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP, PHONE = (1440, 900), (390, 844)
Scheme = Literal["light", "dark"]
ANSWER_MS = 60_000
SETTLED = "() => !document.querySelector('.answer:is([data-status=queued], [data-status=answering])')"


def find_chromium() -> str:
    found = find_browser()
    assert found, "No Chromium on PATH. Install the package `chromium`, or set CHROMIUM."
    return str(found)


class User:
    """A person at a browser. `complaints` are console errors, page errors and policy violations: there must be none."""

    def __init__(self, page: Page, stack: Stack) -> None:
        self.page = page
        self.stack = stack
        self.complaints: list[str] = []
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(f"{message.text} ({message.location.get('url')})")

    def open(self, path: str) -> None:
        self.page.goto(self.stack.base_url + path)

    def sign_in(self, username: str) -> None:
        self.open("/accounts/login/")
        self.page.fill("#id_login", username)
        self.page.fill("#id_password", DEMO_PASSWORD)
        self.page.get_by_test_id("sign-in").click()
        self.page.wait_for_url(self.stack.base_url + "/")

    def ask(self, text: str) -> Locator:
        """Sends by Enter, as people do; returns the answer's article."""
        before = self.answers.count()
        self.page.get_by_test_id("composer").fill(text)
        self.page.keyboard.press("Enter")
        answer = self.answers.nth(before)
        answer.wait_for()
        return answer

    def order(self, script: str) -> Locator:
        """Tells the scripted model what to write."""
        return self.ask(script)

    @property
    def answers(self) -> Locator:
        return self.page.get_by_test_id("message-assistant")

    def wait_settled(self, milliseconds: int = ANSWER_MS) -> None:
        self.page.wait_for_function(SETTLED, timeout=milliseconds)

    def wait_text(self, text: str) -> None:
        self.answers.last.get_by_text(text).wait_for(timeout=ANSWER_MS)

    def overflows(self) -> bool:
        return bool(self.page.evaluate("document.documentElement.scrollWidth > innerWidth"))


@contextmanager
def at_browser(
    browser: Browser, stack: Stack, *, size: tuple[int, int] = DESKTOP, scheme: Scheme = "light"
) -> Iterator[User]:
    width, height = size
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    try:
        yield User(context.new_page(), stack)
    finally:
        context.close()


def numbered(count: int) -> list[str]:
    """What the scripted model writes for `tokens=count`."""
    return [f"t{number:06}" for number in range(count)]
