"""C01, C04, C05, C07: hostile text in every place where the product shows text, in a real browser.

Nothing of it runs, loads, posts or leaves; the pages are those of an employee, a reviewer and an administrator.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import Browser, Dialog, Page, Request

from chatapp.conversations.tests.test_markdown import HOSTILE
from tests.e2e.browser import User, at_browser
from tests.stack import Stack

pytestmark = pytest.mark.e2e
# Each is a name that a person could give: a file, a collection, a title, himself.
NAMES = (
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "'-alert(1)-'",
    "</script><script>alert(1)</script>",
    "<a href=javascript:alert(1)>x</a>",
    "{{7*7}}${7*7}<b hx-get=/console/ hx-trigger=load>",
)
OWN_SCRIPTS = "() => [...document.scripts].every((script) => script.src.startsWith(location.origin + '/static/'))"
LIVE_PARTS = """() => [...document.querySelectorAll("main *")].filter((element) =>
    ["IFRAME", "OBJECT", "EMBED", "LINK", "META", "BASE", "IMG"].includes(element.tagName)
    || [...element.attributes].some(({ name, value }) =>
        /^(on|hx-on|style$)/.test(name) || /^\\s*(javascript|data|vbscript):/i.test(value))
).map((element) => element.outerHTML.slice(0, 200))"""
IN_TEXT = """() => [...document.querySelectorAll("[data-body] *")].flatMap((element) =>
    [...element.attributes].map(({ name }) => name).filter((name) => /^(data-)?hx-|^form|^action|^id$/.test(name)))"""


@dataclass
class Watch:
    """What a page did on its own: dialogs, requests to other hosts, and where it posted or asked here."""

    origin: str
    dialogs: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    paths: set[str] = field(default_factory=set)

    def of(self, page: Page) -> "Watch":
        page.on("dialog", self._on_dialog)
        page.on("request", self._on_request)
        return self

    def _on_dialog(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def _on_request(self, request: Request) -> None:
        if request.url.startswith(self.origin + "/"):
            self.paths.add(urlsplit(request.url).path)
        elif not request.url.startswith("data:"):
            self.foreign.append(request.url)


def api(stack: Stack, name: str) -> httpx.Client:
    key = stack.manage("create_api_key", name).split()[-1]
    return httpx.Client(base_url=stack.base_url, headers={"Authorization": f"Bearer {key}"}, timeout=30)


@pytest.fixture(scope="module")
def hostile_company(stack: Stack) -> str:
    """Files, a collection, a name of a person and a flagged answer, all of hostile text. Returns the collection."""
    stack.serve("scripted")
    stack.manage("shell", "-c", _rename("mallory", NAMES[0]))
    with api(stack, "ada") as ada:
        slug = f"hostile-{uuid4().hex[:8]}"
        groups = {"engineering": "editor"}
        made = ada.post("/api/v1/collections", json={"slug": slug, "name": NAMES[1], "groups": groups})
        assert made.status_code < 300, made.text
        check = {"kind": "pattern", "stage": "output", "action": "flag", "severity": "high", "patterns": ["onerror"]}
        made = ada.post("/api/v1/policies", json={"name": "hostile", "activate": True, "checks": [check]})
        assert made.status_code < 300, made.text
    with api(stack, "alice") as alice:
        for number, name in enumerate(NAMES):
            text = f"# {name}\n\n" + "\n\n".join(HOSTILE)
            files = {"file": (f"{name.replace('/', '')}{number}.md", text.encode(), "text/markdown")}
            assert alice.post("/api/v1/documents", data={"collection": slug}, files=files).status_code == 202
    return slug


def _rename(username: str, name: str) -> str:
    return (
        "from chatapp.accounts.models import User\n"
        f"User.objects.filter(username={username!r}).update(first_name={name!r}, last_name={NAMES[1]!r})"
    )


@pytest.fixture
def people(browser: Browser, stack: Stack) -> Iterator[Any]:
    """Signs somebody in and watches."""
    opened: list[Any] = []

    def sign_in(name: str) -> tuple[User, Watch]:
        manager = at_browser(browser, stack)
        user = manager.__enter__()
        opened.append(manager)
        watch = Watch(stack.base_url).of(user.page)
        user.sign_in(name)
        return user, watch

    yield sign_in
    for manager in opened:
        manager.__exit__(None, None, None)


def assert_inert(user: User, watch: Watch) -> None:
    assert user.page.evaluate(OWN_SCRIPTS)
    assert user.page.evaluate(LIVE_PARTS) == []
    assert user.page.evaluate(IN_TEXT) == []
    assert (watch.dialogs, watch.foreign, user.complaints) == ([], [], [])


def test_c01_c05_c06_c07_a_hostile_question_and_its_answer_do_nothing(hostile_company: str, people: Any) -> None:
    user, watch = people("alice")
    user.order("rate=1500 say: " + "\n\n".join(HOSTILE))
    user.wait_settled()
    assert_inert(user, watch)
    user.page.reload()
    user.page.get_by_test_id("message-assistant").wait_for()
    assert_inert(user, watch)
    assert not {path for path in watch.paths if path.startswith(("/console/", "/accounts/logout"))}


def test_c01_hostile_titles_are_titles(hostile_company: str, people: Any) -> None:
    user, watch = people("alice")
    for title in NAMES:
        user.open("/")
        user.order(f"{title} rate=2000 tokens=1")
        user.wait_settled()
    user.page.reload()
    for title in NAMES:
        assert user.page.locator("nav").get_by_text(title[:12]).first.is_visible()
    assert_inert(user, watch)


def test_c01_c04_hostile_names_of_files_and_collections_are_names(hostile_company: str, people: Any) -> None:
    user, watch = people("alice")
    for path in ("/knowledge/", f"/knowledge/collections/{hostile_company}/"):
        user.open(path)
        user.page.get_by_test_id("document-row").first.wait_for()
        assert_inert(user, watch)
    rows = user.page.get_by_test_id("document-row")
    rows.first.locator("button").last.click()  # asks before it deletes
    assert_inert(user, watch)
    user.page.keyboard.press("Escape")
    ready = user.page.locator("[data-testid=document-row][data-status=ready] a").first
    ready.wait_for(timeout=120_000)
    ready.click()
    user.page.locator("#passage-0").wait_for()
    assert_inert(user, watch)


def test_c01_c04_c07_the_console_shows_hostile_text_as_text(hostile_company: str, people: Any) -> None:
    employee, _ = people("mallory")
    employee.order("rate=1500 say: " + "\n\n".join(HOSTILE))
    employee.wait_settled()
    user, watch = people("mona")
    user.open("/console/flags/")
    user.page.get_by_test_id("flag-row").first.wait_for()
    user.page.get_by_test_id("flag-claim").first.click()
    user.page.wait_for_selector("[data-status=mine]")
    assert "onerror" in user.page.locator("main").inner_text()
    assert_inert(user, watch)
    ada, watched = people("ada")
    for page in ("", "usage/", "policies/", "users/", "audit/", "models/", "flags/", "workers/"):
        ada.open(f"/console/{page}")
        assert_inert(ada, watched)
