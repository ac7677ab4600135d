"""Rollouts in a browser: by keyboard alone, followed without a reload, on a phone and on a desk, dark and light."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from chatapp.console.tests.test_browser import findings_of_axe, sign_in
from chatapp.inference.models import AnswerOutcome, Arm, ModelVersion, Rollout, Route, Worker
from chatapp.inference.rollouts.judge import judge_rollout
from chatapp.inference.services.rollouts import advance_rollout, hold_rollout, roll_back_rollout, start_rollout
from tests.e2e.browser import FLAGS, find_chromium
from tests.people import make_person

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


def make_version(name: str, *, state: str = "evaluated") -> ModelVersion:
    return ModelVersion.objects.create(name=name, provider="scripted", context_tokens=4096, state=state)


def start(route: str, candidate: str, kind: str = "canary") -> Rollout:
    baseline = make_version(f"{route}-2026-03", state="serving")
    made = make_version(candidate)
    Route.objects.create(name=route, version=baseline)
    for worker in Worker.objects.all():
        worker.serves.add(baseline, made)
    return start_rollout(user=None, route=route, kind=kind, candidate=made, reason="Better at tables.")


def answer(rollout: Rollout, arm: Arm, count: int, *, failed: int) -> None:
    people = [make_person(f"{arm}-{uuid4().hex[:6]}") for _ in range(8)]
    version = rollout.candidate if arm == Arm.CANDIDATE else rollout.baseline
    AnswerOutcome.objects.bulk_create(
        AnswerOutcome(
            generation_id=uuid4(), user=people[number % 8], version=version, rollout=rollout, arm=arm, sources=3,
            cited=2, supported=2, route=rollout.route_id, status="failed" if number < failed else "complete",
            completion_tokens=80, first_token_seconds=0.3 + number % 7 / 10, duration_seconds=2.3 + number % 5 / 10,
        )
        for number in range(count)
    )  # fmt: skip


def judge(rollout: Rollout) -> None:
    rollout.verdict, rollout.judged_at = judge_rollout(rollout).as_dict(), timezone.now()
    rollout.save(update_fields=["verdict", "judged_at"])


@pytest.fixture
def rollout() -> Rollout:
    """On the default route, in its second stage; another one was rolled back, a third is held."""
    make_person("ada")
    now = timezone.now()
    Worker.objects.create(
        name="inference@gpu:1", kind="inference", ready=True, slots=8, busy=3, started_at=now,
        seen_at=now + timedelta(hours=1),
    )  # fmt: skip
    running = start("default", "default-2026-04")
    answer(running, Arm.BASELINE, 240, failed=3)
    answer(running, Arm.CANDIDATE, 60, failed=2)
    judge(running)
    figures, reason = running.verdict, "60 answers of 8 people in this stage, and no guard is worse."
    running = advance_rollout(user=None, rollout=running, reason=reason, figures=figures)
    judge(running)
    bad = start("sales", "sales-2026-04")
    answer(bad, Arm.BASELINE, 240, failed=3)
    answer(bad, Arm.CANDIDATE, 80, failed=24)
    verdict = judge_rollout(bad)
    roll_back_rollout(user=None, rollout=bad, reason=verdict.reason, figures=verdict.as_dict())
    hold_rollout(user=None, rollout=start("search", "search-2026-04", "ab"), reason="The night is quiet.")
    third = make_version("third", state="verified")
    Worker.objects.get().serves.add(third)
    Route.objects.create(name="quiet", version=running.baseline)
    return running


@pytest.fixture
def browser(rollout: Rollout, live_server: LiveServer) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        yield browser
        browser.close()


@pytest.mark.parametrize("width,scheme", [(390, "dark"), (1440, "light")])
def test_the_pages_fit_and_are_accessible(
    browser: Browser, live_server: LiveServer, rollout: Rollout, width: int, scheme: str
) -> None:
    page, problems = sign_in(browser, live_server, width=width, scheme=scheme)
    paths = ["", "rollouts/", "rollouts/new/?candidate=third", f"rollouts/{rollout.id}/"]
    page.goto(f"{live_server.url}/console/rollouts/?state=rolled_back")
    ended = page.get_by_test_id("rollout-row").get_attribute("data-rollout")
    paths.append(f"rollouts/{ended}/")
    for path in paths:
        page.goto(f"{live_server.url}/console/{path}")
        assert findings_of_axe(page) == ""
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert problems == []


def confirm(page: Page) -> None:
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")


def test_a_rollout_is_advanced_and_rolled_back_by_keyboard_and_followed(
    browser: Browser, live_server: LiveServer, rollout: Rollout
) -> None:
    page, problems = sign_in(browser, live_server, width=1280, scheme="light")
    watcher = page.context.new_page()
    watcher.goto(f"{live_server.url}/console/rollouts/{rollout.id}/")
    page.goto(f"{live_server.url}/console/rollouts/")
    page.keyboard.press("j")
    first = page.locator("[data-testid=rollout-row]:focus")
    if first.get_attribute("data-rollout") != str(rollout.id):
        page.keyboard.press("j")
    page.keyboard.press("a")
    assert "25 %" in page.get_by_role("dialog").inner_text()
    confirm(page)
    page.wait_for_selector(f'[data-rollout="{rollout.id}"][data-stage="2"]:focus')
    assert "answers 25 % of the people" in page.locator("#console-status").inner_text()
    watcher.wait_for_selector('#rollout[data-stage="2"]')
    page.keyboard.press("Enter")
    page.wait_for_url(f"{live_server.url}/console/rollouts/{rollout.id}/")
    page.fill("#rollout-reason", "It makes tables up.")
    page.wait_for_timeout(3500)
    assert page.input_value("#rollout-reason") == "It makes tables up."
    assert page.evaluate("document.activeElement.id") == "rollout-reason"
    page.locator("#rollout-reason").blur()
    page.keyboard.press("b")
    assert "Running answers finish as they are." in page.get_by_role("dialog").inner_text()
    confirm(page)
    page.wait_for_selector("#rollout[data-status=rolled_back]:focus")
    watcher.wait_for_selector("#rollout[data-status=rolled_back]")
    assert "It makes tables up." in watcher.get_by_test_id("rollout-step").first.inner_text()
    assert problems == []


def test_what_somebody_opened_stays_open_while_the_page_renews_itself(
    browser: Browser, live_server: LiveServer, rollout: Rollout
) -> None:
    page, problems = sign_in(browser, live_server, width=1280, scheme="light")
    page.goto(f"{live_server.url}/console/rollouts/{rollout.id}/")
    page.get_by_text("Figures then").click()
    other = page.context.new_page()
    other.goto(page.url)
    other.get_by_role("button", name="Hold").click()
    other.get_by_role("dialog").get_by_role("button", name="Hold").click()
    page.wait_for_selector("#rollout[data-status=held]")
    assert page.locator("#rollout details[open]").count() == 1
    assert problems == []


def test_the_form_follows_what_is_chosen(browser: Browser, live_server: LiveServer, rollout: Rollout) -> None:
    page, problems = sign_in(browser, live_server, width=1280, scheme="light")
    page.goto(f"{live_server.url}/console/rollouts/new/")
    page.select_option("#rollout-route", "quiet")
    page.select_option("#rollout-candidate", "third")
    page.get_by_test_id("rollout-override-section").wait_for()
    page.check("#kind-blue_green")
    expect(page.get_by_test_id("rollout-stage")).to_have_count(1)
    page.fill("[data-testid=rollout-override]", "A test of the form.")
    page.get_by_test_id("rollout-start").click()
    page.wait_for_selector("#rollout[data-status=running]")
    assert "A test of the form." in page.get_by_test_id("rollout-override").inner_text()
    assert problems == []
