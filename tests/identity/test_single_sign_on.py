"""One sign-in through a real browser, the running product and a conforming provider."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.browser import User, at_browser
from tests.identity.provider import SECRET, IdentityServer, serve
from tests.stack import Stack

pytestmark = pytest.mark.e2e
_MAKE_ADMINISTRATORS = """
from django.contrib.auth.models import Group
from chatapp.accounts.models import GroupRole
group, _ = Group.objects.get_or_create(name="chatapp-admins")
GroupRole.objects.get_or_create(group=group, role="administrator")
"""
_OF_SESSION = """
from chatapp.accounts.models import SignIn
print(SignIn.objects.filter(provider="sso", subject="{subject}").latest("started_at").sid)
"""
_LET_REST = """
from datetime import timedelta
from django.contrib.sessions.backends.db import SessionStore
from chatapp.accounts.models import SignIn
for sign_in in SignIn.objects.filter(subject="{subject}"):
    session = SessionStore(sign_in.session_key)
    session["sign_in"] = {{**session["sign_in"], "seen": 0}}
    session.save()
    SignIn.objects.filter(pk=sign_in.pk).update(last_seen_at=sign_in.last_seen_at - timedelta(days=1))
"""


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory, company: Path) -> Iterator[tuple[Stack, IdentityServer]]:
    stack = Stack(tmp_path_factory.mktemp("sso"))
    with serve(stack.base_url) as server:
        stack.environment |= {
            "OIDC_ISSUER": server.issuer,
            "OIDC_CLIENT_ID": "chatapp",
            "OIDC_CLIENT_SECRET": SECRET,
        }
        try:
            stack.begin_as(company)
            stack.start()
            stack.manage("shell", "-c", _MAKE_ADMINISTRATORS)
            yield stack, server
        finally:
            stack.stop()


@pytest.fixture
def person(browser: Browser, product: tuple[Stack, IdentityServer]) -> Iterator[User]:
    with at_browser(browser, product[0]) as user:
        yield user
        assert user.complaints == []


def sign_in(user: User, login: str, path: str = "/") -> None:
    user.open(path)
    user.page.get_by_test_id("sso").click()
    user.page.get_by_label("Who are you?").fill(login)
    user.page.get_by_role("button", name="Go").click()
    user.page.wait_for_url(user.stack.base_url + path)


def wait_connected(page: Page) -> None:
    page.wait_for_selector("main[data-connected]")


def test_somebody_signs_in_with_the_rights_of_the_groups(person: User, product: tuple[Stack, IdentityServer]) -> None:
    stack, server = product
    sign_in(person, "00u-boss", "/console/sign-in/")
    assert person.page.get_by_test_id("provider-row").count() == 1
    server.control("people", sub="00u-boss", claims={"preferred_username": "boss", "groups": ["staff"]})
    server.control("rotate", alg="ES256")
    person.page.context.clear_cookies()
    sign_in(person, "00u-boss")
    assert person.page.locator("[data-testid=nav-console-sign-in]").count() == 0
    assert person.page.request.get(stack.base_url + "/console/sign-in/").status == 404


def test_the_way_there_needs_no_script(browser: Browser, product: tuple[Stack, IdentityServer]) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(product[0].base_url + "/")
        page.get_by_test_id("sso").click()
        page.get_by_label("Who are you?").wait_for()
        page.go_back()
        page.get_by_test_id("sso").wait_for()  # The page in between is no place to come back to.


def test_signing_out_here_signs_out_there(person: User, product: tuple[Stack, IdentityServer]) -> None:
    stack, _ = product
    sign_in(person, "00u-alice")
    wait_connected(person.page)  # The socket closes while the form is on its way.
    person.page.get_by_test_id("sign-out").click()
    person.page.get_by_role("button", name="Yes, sign me out").click()
    person.page.wait_for_url(stack.base_url + "/accounts/login/**")
    person.page.get_by_text("You are signed out, here and at").wait_for()
    person.page.get_by_test_id("sso").click()
    person.page.get_by_label("Who are you?").wait_for()


def test_b03_a_sign_out_elsewhere_closes_the_page(person: User, product: tuple[Stack, IdentityServer]) -> None:
    stack, server = product
    sign_in(person, "00u-alice")
    wait_connected(person.page)
    sid = stack.manage("shell", "-c", _OF_SESSION.format(subject="00u-alice")).split()[-1]
    person.page.context.clear_cookies(domain="127.0.0.1", name="_session")  # Nor is there a session there any more.
    server.control("logout", sub="00u-alice", sid=sid)
    # The socket closes with 4401, and the page loads again without a request of the person's.
    person.page.wait_for_url(stack.base_url + "/accounts/login/**", timeout=10_000)


def test_a_session_that_rested_comes_back_with_what_was_written(
    person: User, product: tuple[Stack, IdentityServer]
) -> None:
    stack, _ = product
    sign_in(person, "00u-alice")
    wait_connected(person.page)
    stack.manage("shell", "-c", _LET_REST.format(subject="00u-alice"))
    person.page.get_by_test_id("composer").fill("A long thought that must not be lost")
    with suppress(TimeoutError):
        person.page.keyboard.press("Enter")
    wait_connected(person.page)
    person.page.wait_for_function("document.getElementById('composer-text')?.value.startsWith('A long thought')")
    assert person.page.url == stack.base_url + "/"
    assert person.page.get_by_test_id("account-name").inner_text().startswith("Alice")
