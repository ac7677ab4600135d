"""The page's half of protocol 2, `static/js/text.js`, in a real browser; the frames come from the server's half."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Page, Route

from chatapp.conversations.place import TailPlace
from chatapp.conversations.streams.entries import Entry
from chatapp.conversations.streams.live_answer import LiveAnswer
from chatapp.conversations.tests.page import Page as Model
from tests.architecture.sources import ROOT

pytestmark = pytest.mark.e2e
ORIGIN = "http://text.test/"
SETUP = """async () => {
    const { LiveText, adoptBody } = await import("/text.js");
    const body = document.querySelector("[data-body]");
    const normal = (html) => {
        const template = document.createElement("template");
        template.innerHTML = html;
        return template.innerHTML;
    };
    Object.assign(window, { LiveText, adoptBody, body, normal, text: new LiveText(body) });
}"""
MARKDOWN = """\
## Holidays \U0001f334

Carry over at most **five** days \U0001f600 and *tell* your lead; half days (`0.5`) & more count [1].

- Ask in the portal
  - under *Time off*
  - or by mail
- Wait

| grade | days |
|---|---:|
| junior | 25 |
| lead | 30 |

```python
def remaining(granted: float) -> float:
    return max(0.0, granted)
```

> Quoted, with $a^2$ in it.

The end.
"""


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty page with the module, and nobody to fetch anything from."""

    def serve(route: Route) -> None:
        if route.request.url == ORIGIN:
            route.fulfill(content_type="text/html", body="<!doctype html><article><div data-body></div></article>")
        else:
            script = ROOT / "static/js" / route.request.url.removeprefix(ORIGIN)
            route.fulfill(content_type="text/javascript", path=script)

    context = browser.new_context()
    context.route("**/*", serve)
    page = context.new_page()
    page.goto(ORIGIN)
    page.evaluate(SETUP)
    yield page
    context.close()


def frames(text: str, *, step: int = 7) -> Iterator[dict[str, Any]]:
    answer, place = LiveAnswer(uuid4(), uuid4()), TailPlace(0)
    answer.apply(Entry(1, 0, "fence", "", 0.0))
    for seq, at in enumerate(range(0, len(text), step), start=1):
        answer.apply(Entry(1, seq, "text", text[at : at + step], 0.0))
        if frame := place.advance(answer):
            yield frame


@pytest.mark.parametrize("step", [1, 7, 60])
def test_the_page_shows_the_rendering_at_every_frame(page: Page, step: int) -> None:
    model = Model()
    for frame in frames(MARKDOWN, step=step):
        model.apply(frame)
        shown, wanted = page.evaluate(
            "([frame, html]) => [text.apply(frame) && body.innerHTML, normal(html)]", [frame, model.html]
        )
        assert shown == wanted
    assert model.html.endswith("<p>The end.</p>\n")


def test_what_is_settled_stays_as_it_is_and_what_grows_keeps_its_nodes(page: Page) -> None:
    settled, tail = "<p>One.</p>\n", "<p>Two</p>\n"
    first = {"seq": 1, "reset": True, "keep": 0, "html": settled + tail, "settled": len(settled)}
    page.evaluate("frame => text.apply(frame)", first)
    page.evaluate("""() => {
        const words = body.querySelectorAll("p")[1].firstChild;
        getSelection().setBaseAndExtent(words, 0, words, 3);
        for (const node of body.children) node.mark = true;
        body.firstChild.firstChild.data = "changed by somebody else";
    }""")
    page.evaluate("frame => text.apply(frame)", {"seq": 2, "keep": len("<p>Two"), "html": " and three</p>\n"})
    assert page.evaluate("body.innerHTML") == "<p>changed by somebody else</p>\n<p>Two and three</p>\n"
    assert page.evaluate("getSelection().toString()") == "Two"
    assert page.evaluate("[...body.children].every((node) => node.mark)")


def test_a_reset_morphs_what_the_server_had_rendered(page: Page) -> None:
    page.evaluate("""() => {
        body.innerHTML = "<p>One.</p>\\n<p>Tw</p>\\n";
        for (const node of body.children) node.mark = true;
    }""")
    page.evaluate("frame => text.apply(frame)", next(frames("One.\n\nTwo", step=100)))
    assert page.evaluate("body.innerHTML") == "<p>One.</p>\n<p>Two</p>\n"
    assert page.evaluate("[...body.children].every((node) => node.mark)")


def test_a_button_that_the_page_added_stays_while_the_code_grows(page: Page) -> None:
    first, *others = frames("```\none\ntwo\nthree\nfour\n", step=8)
    page.evaluate("frame => text.apply(frame)", first)
    page.evaluate("""() => {
        const button = document.createElement("button");
        body.querySelector(".code-head").append(button);
        window.button = button;
    }""")
    for frame in others:
        page.evaluate("frame => text.apply(frame)", frame)
    assert page.evaluate("[button.isConnected, body.querySelector('code').textContent]") == [
        True,
        "one\ntwo\nthree\nfour\n",
    ]


def test_a_frame_that_does_not_fit_changes_nothing_and_is_refused(page: Page) -> None:
    first, *_, last = frames("Some words. " * 20)
    page.evaluate("frame => text.apply(frame)", first)
    shown = page.evaluate("body.innerHTML")
    assert page.evaluate("frame => text.apply(frame)", last) is False
    assert page.evaluate("body.innerHTML") == shown


def test_a_final_frame_without_a_body_is_for_a_page_that_has_it_all(page: Page) -> None:
    model = Model()
    for frame in frames(MARKDOWN):
        model.apply(frame)
        page.evaluate("frame => text.apply(frame)", frame)
    length = len(model.html.encode("utf-16-le")) // 2
    holds = page.evaluate("kept => [kept, kept - 1, undefined].map((kept) => text.holds({ html: '', kept }))", length)
    assert holds == [True, False, True]


def adopted(page: Page, fresh: str, kept: int | None) -> list[Any]:
    shown: list[Any] = page.evaluate(
        """([html, kept]) => {
            body.innerHTML = "<p>One.</p>\\n";
            body.insertAdjacentHTML("afterend", "<template data-buttons><button>Again</button></template>");
            body.firstChild.mark = true;
            const fresh = document.createElement("article");
            fresh.innerHTML = html;
            adoptBody(fresh, body.parentElement, { html, kept: kept ?? undefined });
            return [fresh.innerHTML, Boolean(fresh.querySelector("p")?.mark)];
        }""",
        [fresh, kept],
    )
    return shown


def test_the_final_article_takes_over_body_and_buttons(page: Page) -> None:
    fresh = "<div data-body></div><template data-buttons></template><span>byline</span>"
    assert adopted(page, fresh, 14) == [
        '<div data-body=""><p>One.</p>\n</div><button>Again</button><span>byline</span>',
        True,
    ]


def test_a_final_body_of_its_own_changes_only_what_differs(page: Page) -> None:
    shown = adopted(page, "<div data-body><p>One, and more.</p>\n</div>", None)
    assert shown == ['<div data-body=""><p>One, and more.</p>\n</div>', True]


def test_a_final_article_without_a_body_stays_so(page: Page) -> None:
    assert adopted(page, "<p>Withheld.</p>", None) == ["<p>Withheld.</p>", False]
