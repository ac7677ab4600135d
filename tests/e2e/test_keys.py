"""Keys, limits and service accounts in a browser, in both schemes and sizes."""

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.browser import DESKTOP, PHONE, Scheme, User, at_browser
from tests.e2e.test_accessibility import assert_sound
from tests.stack import Stack

pytestmark = pytest.mark.e2e
LOOKS: list[tuple[tuple[int, int], Scheme]] = [(DESKTOP, "light"), (PHONE, "dark")]


def make_key(user: User, name: str) -> str:
    user.page.get_by_test_id("key-form").press("Enter")
    user.page.locator("#id_name").fill(name)
    user.page.locator('input[name="scopes"][value="usage"]').check()
    user.page.get_by_test_id("create-key").click()
    return user.page.get_by_test_id("raw-key").inner_text()


def ask(stack: Stack, raw: str, path: str) -> int:
    return httpx.get(stack.base_url + path, headers={"Authorization": f"Bearer {raw}"}).status_code


@pytest.mark.parametrize("size,scheme", LOOKS)
def test_a_person_makes_and_revokes_a_key(
    browser: Browser, stack: Stack, size: tuple[int, int], scheme: Scheme
) -> None:
    name = f"Report {scheme}"
    with at_browser(browser, stack, size=size, scheme=scheme) as user:
        user.sign_in("alice")
        user.open("/settings/keys/")
        assert_sound(user)
        raw = make_key(user, name)
        assert_sound(user)
        user.page.get_by_test_id("key-form").click()
        assert_sound(user)
        assert ask(stack, raw, "/api/v1/usage") == 200
        assert ask(stack, raw, "/api/v1/documents") == 403
        user.page.get_by_role("button", name=f"Revoke {name}").click()
        user.page.get_by_role("button", name="Revoke", exact=True).last.click()
        row = user.page.locator(f'[data-testid="key-row"][data-name="{name}"]')
        expect(row.get_by_text("Revoked")).to_be_visible()
        assert ask(stack, raw, "/api/v1/usage") == 401
        user.open("/settings/keys/")
        expect(user.page.get_by_text(raw)).to_have_count(0)


@pytest.mark.parametrize("size,scheme", LOOKS)
def test_an_administrator_sets_limits_and_makes_service_accounts(
    browser: Browser, stack: Stack, size: tuple[int, int], scheme: Scheme
) -> None:
    account = f"robot-{scheme}"
    with at_browser(browser, stack, size=size, scheme=scheme) as user:
        user.sign_in("ada")
        user.open("/console/limits/")
        assert_sound(user)
        user.page.get_by_label("For").select_option("group")
        user.page.get_by_label("Name").fill("sales")
        user.page.get_by_label("Amount").fill("5000000")
        user.page.get_by_label("Unit").select_option("tokens")
        user.page.get_by_label("Each").select_option("86400")
        user.page.get_by_test_id("set-limit").click()
        expect(user.page.get_by_test_id("limit-row").first).to_contain_text("5,000,000 tokens a day")
        assert_sound(user)
        user.page.get_by_role("button", name="Remove the limit of tokens a day for sales").click()
        user.page.get_by_role("button", name="Remove", exact=True).last.click()
        user.page.get_by_test_id("limits-empty").wait_for()
        user.open("/console/service-accounts/")
        user.page.get_by_test_id("service-form").click()
        assert_sound(user)
        user.page.get_by_label("Username").fill(account)
        user.page.get_by_label("Purpose").fill("Nightly report")
        user.page.get_by_label("Owner").fill("alice")
        user.page.get_by_test_id("create-service-account").click()
        raw = make_key(user, "Cron")
        assert_sound(user)
        assert ask(stack, raw, "/api/v1/usage") == 200
        user.page.get_by_test_id("service-active").click()
        user.page.get_by_role("button", name="Disable", exact=True).click()
        user.page.get_by_role("button", name="Enable the account").wait_for()
        assert ask(stack, raw, "/api/v1/usage") == 401
        user.open("/console/service-accounts/")
        assert_sound(user)
