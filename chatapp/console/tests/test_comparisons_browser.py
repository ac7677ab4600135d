"""Blind comparisons in a browser: voted by keyboard, on a phone and on a desk, dark and light."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from pytest_django.live_server_helper import LiveServer

from chatapp.console.tests.test_browser import findings_of_axe, sign_in
from chatapp.evaluation.models import Choice, Comparison, ComparisonPair, Vote
from chatapp.evaluation.tests.comparing import opened
from chatapp.inference.models import Route
from tests.e2e.browser import FLAGS, find_chromium
from tests.people import make_person
from tests.versions import make_version

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
LONG = """The **handbook** says 28 days [1].

- Ask in the portal.
- Wait for the answer.

| grade | days |
|---|---:|
| lead | 30 |

```python
left = granted - taken  # a line that is rather long for a narrow page of a phone
```
"""


@pytest.fixture
def comparison(db: None) -> Comparison:
    """Ada administers and reviews; three pairs wait for her, two people have voted on all of them."""
    ada = make_person("ada")
    Route.objects.create(name=Route.DEFAULT, version=make_version("serving"))
    questions = ("How many days of paid holiday do I get?", "Who signs an order?", "Where is the spare key of the lab?")
    comparison = opened(ada, *questions)
    ComparisonPair.objects.filter(ordinal=0).update(first_text=LONG)
    for voter in (make_person("mona"), make_person("greta")):
        for number, pair in enumerate(ComparisonPair.objects.all()):
            choice = Choice.SECOND if number < 2 else Choice.TIE
            Vote.objects.create(pair=pair, voter=voter, choice=choice, first_was_left=True, reason="It is shorter.")
    return comparison


@pytest.fixture
def browser(comparison: Comparison, live_server: LiveServer) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        yield browser
        browser.close()


def look_at(page: Page, name: str) -> None:
    assert findings_of_axe(page) == ""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    if folder := os.environ.get("SHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


@pytest.mark.parametrize("width,scheme", [(390, "dark"), (1440, "light")])
def test_the_pages_fit_and_are_accessible(
    browser: Browser, live_server: LiveServer, comparison: Comparison, width: int, scheme: str
) -> None:
    page, problems = sign_in(browser, live_server, width=width, scheme=scheme)
    for path in ("", "new/", f"{comparison.pk}/"):
        page.goto(f"{live_server.url}/console/comparisons/{path}")
        look_at(page, f"{path.strip('/')[:8] or 'list'}-{width}")
    page.locator("[data-testid=comparison-question] summary").first.click()
    look_at(page, f"question-{width}")
    page.goto(f"{live_server.url}/compare/")
    look_at(page, f"compare-{width}")
    assert problems == []


def test_votes_by_keyboard_until_none_is_left(
    browser: Browser, live_server: LiveServer, comparison: Comparison
) -> None:
    page, problems = sign_in(browser, live_server, width=1280, scheme="light")
    told: list[str] = []
    page.on("request", lambda sent: told.extend(re.findall(r"milliseconds=(\d+)", sent.post_data or "")))
    page.goto(f"{live_server.url}/compare/")
    assert "0 compared, 3 to go" in page.get_by_test_id("ballot-progress").inner_text()
    page.fill("#ballot-reason", "1 is a number, and no vote while somebody types")
    page.locator("#ballot-reason").blur()
    page.keyboard.press("4")
    page.get_by_text("1 compared, 2 to go").wait_for()
    assert page.evaluate("document.activeElement.id") == "ballot-title"
    page.keyboard.press("s")
    page.get_by_text("1 compared, 1 to go").wait_for()
    page.keyboard.press("1")
    page.get_by_test_id("ballot-empty").wait_for()
    assert "You have compared 2 pairs of answers" in page.get_by_test_id("ballot-empty").inner_text()
    assert [0 < int(milliseconds) < 60_000 for milliseconds in told] == [True, True, True]
    page.goto(f"{live_server.url}/console/comparisons/{comparison.pk}/")
    assert "8 votes of 3 people" in page.get_by_test_id("comparison-sentence").inner_text()
    assert "no vote while somebody types" in page.get_by_test_id("comparison").text_content()
    assert problems == []
