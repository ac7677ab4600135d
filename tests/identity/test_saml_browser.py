"""SAML through a real browser: the running product, set up by settings alone, and a provider of its own process."""

import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from chatapp.runtime.files import CHECKOUT
from chatapp.runtime.ports import find_free_port
from tests.e2e.browser import User, at_browser
from tests.stack import Stack

pytestmark = pytest.mark.e2e
_WHO = """
from chatapp.accounts.models import SignIn
for sign_in in SignIn.objects.select_related("user"):
    groups = ",".join(sorted(sign_in.user.groups.values_list("name", flat=True)))
    print("who", sign_in.user.username, sign_in.method, sign_in.subject, groups or "-")
"""
_ADD_ONE_BY_POST = """
from chatapp.accounts.models import IdentityProvider
IdentityProvider.objects.create(slug="post", kind="saml", name="by post", url="{url}")
"""


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    port = find_free_port()
    process = subprocess.Popen([sys.executable, "-m", "tests.identity.saml_idp", str(port)], cwd=CHECKOUT)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory, provider: str, company: Path) -> Iterator[Stack]:
    settings = {"SAML_METADATA_URL": f"{provider}/metadata", "SAML_NAME": "the works"}
    stack = Stack(tmp_path_factory.mktemp("saml"), environment=settings)
    try:
        stack.begin_as(company)
        stack.start()
        yield stack
    finally:
        stack.stop()


@pytest.fixture
def person(browser: Browser, product: Stack) -> Iterator[User]:
    with at_browser(browser, product) as user:
        yield user
        assert user.complaints == []


def sign_in(user: User, name: str, groups: str = "", *, at: str = "the works") -> None:
    user.open("/")
    user.page.get_by_role("button", name=f"Continue with {at}").click()
    user.page.get_by_label("Name").fill(name)
    user.page.get_by_label("Groups").fill(groups)
    user.page.get_by_role("button", name="Sign in").click()
    user.page.wait_for_url(user.stack.base_url + "/")
    user.page.wait_for_selector("main[data-connected]")


def who(stack: Stack) -> list[str]:
    return sorted(re.findall(r"^who (.*)$", stack.manage("shell", "-c", _WHO), re.MULTILINE))


def test_somebody_signs_in_with_groups_and_the_key_may_change_meanwhile(
    person: User, product: Stack, provider: str
) -> None:
    sign_in(person, "erin", "sales,staff")
    assert "erin saml id-of-erin sales,staff" in who(product)
    urllib.request.urlopen(f"{provider}/rotate", data=b"", timeout=10).close()
    person.page.context.clear_cookies()
    sign_in(person, "erin", "staff")
    assert "erin saml id-of-erin staff" in who(product)


def test_a_provider_that_takes_nothing_but_post_is_asked_by_a_form(person: User, product: Stack, provider: str) -> None:
    product.manage("shell", "-c", _ADD_ONE_BY_POST.format(url=f"{provider}/metadata?post=1"))
    sign_in(person, "heidi", "sales", at="by post")
    assert "heidi saml id-of-heidi sales" in who(product)


def test_signing_out_here_signs_out_there_and_comes_back(person: User, product: Stack) -> None:
    sign_in(person, "frank")
    person.page.get_by_test_id("sign-out").click()
    person.page.wait_for_url(product.base_url + "/accounts/login/**")
    assert not [line for line in who(product) if line.startswith("frank")]


def test_signing_out_there_signs_out_here(person: User, product: Stack, provider: str) -> None:
    sign_in(person, "grace")
    other = person.page.context.new_page()
    other.goto(f"{provider}/logout")
    other.wait_for_url(f"{provider}/slo**")
    assert not [line for line in who(product) if line.startswith("grace")]
    person.page.goto(product.base_url + "/")
    person.page.wait_for_url(product.base_url + "/accounts/login/**")
