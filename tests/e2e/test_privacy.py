"""A temporary chat, an archive, an erasure and the note on tokens, each as a person sees it."""

import io
import json
import re
import zipfile

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.browser import ANSWER_MS, DESKTOP, PHONE, Scheme, User, at_browser
from tests.e2e.test_accessibility import assert_sound
from tests.stack import Stack

pytestmark = pytest.mark.e2e
LOOKS: list[tuple[tuple[int, int], Scheme]] = [(DESKTOP, "light"), (PHONE, "dark")]
PAGES = {"alice": ["/settings/privacy/", "/settings/sessions/"], "ada": ["/console/privacy/", "/console/roles/"]}
_USE_MOST_TOKENS = """
from chatapp.accounts import services
from chatapp.accounts.limits import store
from chatapp.accounts.limits.allowances import buckets_of_person
from chatapp.accounts.models import LimitPeriod, LimitSubject, LimitUnit, User
actor = User.objects.get(username="ada")
limit = {"subject": LimitSubject.USER, "name": "bob", "unit": LimitUnit.TOKENS, "period": LimitPeriod.DAY}
services.set_rate_limit(actor=actor, amount=100_000, **limit)
for bucket in buckets_of_person(User.objects.get(username="bob"), LimitUnit.TOKENS):
    store.take({bucket: 85_000})
"""
_GIVE_BACK = """
from chatapp.accounts import services
from chatapp.accounts.models import RateLimit, User
actor = User.objects.get(username="ada")
for limit in RateLimit.objects.filter(user__username="bob"):
    services.remove_rate_limit(actor=actor, limit=limit)
"""


@pytest.mark.parametrize("size,scheme", LOOKS)
@pytest.mark.parametrize("person", PAGES)
def test_the_pages_are_sound(
    browser: Browser, stack: Stack, person: str, size: tuple[int, int], scheme: Scheme
) -> None:
    with at_browser(browser, stack, size=size, scheme=scheme) as user:
        user.sign_in(person)
        for path in PAGES[person]:
            user.open(path)
            assert_sound(user)


def test_a_temporary_chat_says_so_until_it_is_ended_and_is_in_no_list(alice: User) -> None:
    alice.page.get_by_label("Temporary chat: not kept").check()
    alice.order("rate=400 say: nothing of this stays")
    alice.wait_settled()
    address, banner = alice.page.url, alice.page.get_by_test_id("temporary-banner")
    listed = alice.page.locator(f'#conversations a[href="/{address.split("/", 3)[3]}"]')
    expect(banner).to_be_visible()
    alice.page.reload()
    expect(banner).to_be_visible()
    alice.wait_text("nothing of this stays")
    expect(listed).to_have_count(0)
    assert_sound(alice)
    alice.page.get_by_test_id("end-temporary").click()
    alice.page.locator("#confirm").get_by_role("button", name="End and delete").click()
    alice.page.wait_for_url(alice.stack.base_url + "/")
    expect(listed).to_have_count(0)
    assert alice.page.request.get(address).status == 404


def test_an_archive_is_its_owners_alone(browser: Browser, scripted_stack: Stack, alice: User) -> None:
    alice.order("rate=400 say: words of an archive")
    alice.wait_settled()
    alice.open("/settings/privacy/")
    alice.page.get_by_test_id("make-export").click()
    link = alice.page.get_by_test_id("download-export").first
    link.wait_for(timeout=ANSWER_MS)
    assert_sound(alice)
    with alice.page.expect_download() as downloading:
        link.click()
    content = downloading.value.path().read_bytes()
    path = str(link.get_attribute("href"))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        texts = [archive.read(name).decode() for name in archive.namelist() if name.endswith((".md", ".json"))]
        assert [json.loads(archive.read(name)) for name in archive.namelist() if name.endswith(".json")]
    assert any("words of an archive" in text for text in texts)
    with at_browser(browser, scripted_stack) as other:
        other.sign_in("mallory")
        assert other.page.request.get(scripted_stack.base_url + path).status == 404
        other.open("/settings/privacy/")
        expect(other.page.get_by_test_id("exports-empty")).to_be_visible()
    with at_browser(browser, scripted_stack) as nobody:
        nobody.page.goto(scripted_stack.base_url + path)
        expect(nobody.page.get_by_test_id("sign-in")).to_be_visible()


def test_an_erasure_is_asked_for_and_cancelled(browser: Browser, stack: Stack) -> None:
    with at_browser(browser, stack, size=PHONE) as user:
        user.sign_in("bob")
        user.open("/settings/privacy/")
        user.page.get_by_test_id("erasure-confirmation").fill("alice")
        user.page.get_by_test_id("ask-erasure").click()
        assert "type the user name" in user.page.locator("body").inner_text()
        user.complaints.clear()  # The browser itself reports that it was refused.
        user.open("/settings/privacy/")
        user.page.get_by_test_id("erasure-confirmation").fill("bob")
        user.page.get_by_test_id("ask-erasure").click()
        expect(user.page.get_by_test_id("erasure-waits")).to_contain_text(
            "Your account is closed and your data is erased on"
        )
        assert_sound(user)
        user.page.get_by_test_id("cancel-erasure").click()
        expect(user.page.get_by_test_id("ask-erasure")).to_be_visible()
        user.open("/")
        assert user.complaints == []


def test_whoever_used_most_tokens_of_the_day_is_told(browser: Browser, scripted_stack: Stack) -> None:
    scripted_stack.manage("shell", "-c", _USE_MOST_TOKENS)
    try:
        with at_browser(browser, scripted_stack, size=PHONE, scheme="dark") as user:
            user.sign_in("bob")
            note = user.page.get_by_test_id("tokens-note")
            expect(note).to_be_empty()
            for _ in range(2):  # A first question is answered with other fragments than the next.
                user.order("rate=400 say: yes")
                expect(note).to_have_text(re.compile(r"^You have used 8\d % of your tokens for a day\."))
                user.wait_settled()
            assert_sound(user)
            user.open("/settings/keys/")
            expect(note).to_contain_text("of your tokens for a day")
            assert_sound(user)
    finally:
        scripted_stack.manage("shell", "-c", _GIVE_BACK)
