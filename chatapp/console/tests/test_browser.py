"""The pages in a browser: by keyboard alone, on a phone and on a desk, dark and light, without a finding of axe."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Browser, Page, sync_playwright
from pytest_django.live_server_helper import LiveServer

from chatapp.inference.models import Budget, Worker
from chatapp.inference.services import (
    RuleSpec,
    configure_route,
    record_outcome,
    register_version,
    report_problem,
    set_serving_version,
)
from chatapp.moderation.checks import Finding
from chatapp.moderation.models import Action, Severity, Stage
from chatapp.moderation.services import create_policy_version, record_exchange
from tests.e2e.browser import FLAGS, find_chromium
from tests.people import PASSWORD, make_person

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

PAGES = (
    "models/", "models/new/?kind=own", "models/new/?kind=external",
    "routes/", "routes/edit/", "routes/edit/?name=default", "workers/",
    "alerts/", "alerts/weeks/", "alerts/channels/",
    "usage/", "usage/?days=30&by=user", "budgets/", "flags/", "policies/",
)  # fmt: skip
CHECK = {"kind": "pattern", "name": "project names", "stage": "output", "action": "block", "patterns": ["Moonshot"]}


@pytest.fixture
def company() -> None:
    ada = make_person("ada")
    large, version = (
        register_version(user=None, name=name, provider="scripted", context_tokens=4096, licence="MIT")
        for name in ("large", "small")
    )
    set_serving_version(user=None, version=version)
    soon = timezone.now() + timedelta(minutes=10)
    worker = Worker.objects.create(name="inference@gpu:1", kind="inference", started_at=soon, seen_at=soon, ready=True)
    worker.loaded.set([version])
    worker.serves.set([large, version])
    report_problem(version=version, worker="inference@gpu:2", reason="it does not fit into memory")
    configure_route(
        user=None, name="default", version=version, fallbacks=[version], rules=[RuleSpec(version=version, task="title")]
    )
    for user in (ada, None):
        record_outcome(
            generation_id=uuid4(), user_id=user.id if user else None, version_id=version.id, status="complete",
            prompt_tokens=900, completion_tokens=100, first_token_seconds=0.4, duration_seconds=2.0, sources=0, cited=0,
            flags=0,
        )  # fmt: skip
    Budget.objects.create(subject="everyone", unit="tokens", period="month", soft=500, hard=900, note="for all")
    create_policy_version(user=None, name="company", checks=[CHECK], activate=True)
    finding = Finding("", "project names", Stage.OUTPUT, Action.BLOCK, Severity.HIGH, ((12, 20),))
    for _ in range(3):
        record_exchange(
            generation_id=uuid4(), user=None, question="What is Moonshot?", answer="This answer was withheld.",
            original="The plan of Moonshot is to land.", sources=[{"n": 1, "document": "plan.pdf", "page": 4}],
            model_version="small", policy_version="company@1", findings=[finding],
        )  # fmt: skip
    for name in ("first", "second", "third"):
        flag_answer(f"The {name} Moonshot is planned.")


def flag_answer(answer: str) -> None:
    start = answer.index("Moonshot")
    finding = Finding("", "names", Stage.OUTPUT, Action.FLAG, Severity.MEDIUM, ((start, start + len("Moonshot")),))
    record_exchange(
        generation_id=uuid4(), user=None, question="What is it?", answer=answer, sources=[],
        model_version="small", policy_version="company@1", findings=[finding],
    )  # fmt: skip


@pytest.fixture
def browser(company: None, live_server: LiveServer) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        yield browser
        browser.close()


def sign_in(browser: Browser, live_server: LiveServer, *, width: int, scheme: str) -> tuple[Page, list[str]]:
    page = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme).new_page()  # type: ignore[arg-type]
    page.goto(f"{live_server.url}/accounts/login/?next=/console/models/")
    page.fill("[name=login]", "ada")
    page.fill("[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{live_server.url}/console/models/")
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    return page, problems


def findings_of_axe(page: Page) -> str:
    result = Axe().run(page)
    return str(result.generate_report()) if result.violations_count else ""


@pytest.mark.parametrize("width,scheme", [(390, "dark"), (1440, "light")])
def test_every_page_fits_and_is_accessible(browser: Browser, live_server: LiveServer, width: int, scheme: str) -> None:
    page, problems = sign_in(browser, live_server, width=width, scheme=scheme)
    for name in PAGES:
        page.goto(f"{live_server.url}/console/{name}")
        assert findings_of_axe(page) == ""
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.goto(f"{live_server.url}/console/flags/")
    page.get_by_test_id("flag-claim").first.click()
    page.wait_for_selector("[data-status=mine]")
    assert findings_of_axe(page) == ""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert problems == []


def test_one_click_and_a_confirmation_serve_another_version(browser: Browser, live_server: LiveServer) -> None:
    page, problems = sign_in(browser, live_server, width=1280, scheme="light")
    page.get_by_role("button", name="Serve this version: large").click()
    dialog = page.get_by_role("dialog")
    assert "Running answers finish on the version that they started with." in dialog.inner_text()
    dialog.get_by_role("button", name="Serve this version").click()
    page.wait_for_selector('[data-version="large"][data-serves="true"]')
    assert "large now answers new questions." in page.locator("#console-status").inner_text()
    assert problems == []


def test_the_queue_is_reviewed_by_keyboard_alone(browser: Browser, live_server: LiveServer) -> None:
    """Five decisions without a mouse: on rows of the list, by claiming the next, undone once and decided anew."""
    page, problems = sign_in(browser, live_server, width=1280, scheme="light")
    page.goto(f"{live_server.url}/console/flags/")
    page.keyboard.press("?")
    assert "claim the most urgent free flag" in page.get_by_role("dialog").inner_text()
    page.keyboard.press("Escape")
    for key in ("j", "j", "k", "Enter"):
        page.keyboard.press(key)
    page.get_by_test_id("flag-detail").wait_for()
    page.keyboard.press("1")
    assert page.locator("#console-status").inner_text() == "Claim the flag first, with c."
    for key, status in (("2", "second"), ("1", "second")):
        page.keyboard.press("c")
        page.wait_for_selector("[data-status=mine]:focus")
        page.keyboard.press(key)
        page.wait_for_selector(f"[data-status={status}]:not([data-free])")
        page.wait_for_selector("[data-free]:focus")
    assert "second reviewer" in page.locator("#console-status").inner_text()
    for key, status in (("3", "escalated"), ("4", "upheld"), ("2", "dismissed")):
        page.keyboard.press("n")
        page.wait_for_selector(".flag-opened[data-status=mine]:focus")
        page.keyboard.press(key)
        page.wait_for_selector(f"[data-status={status}]:focus")
    page.keyboard.press("u")
    page.wait_for_selector(".flag-opened[data-status=mine]:focus")
    page.keyboard.press("d")
    page.wait_for_selector("[data-status=dismissed]:focus")
    assert findings_of_axe(page) == ""
    assert problems == []


def test_many_flags_are_decided_at_once_after_a_question(browser: Browser, live_server: LiveServer) -> None:
    page, problems = sign_in(browser, live_server, width=1280, scheme="light")
    page.goto(f"{live_server.url}/console/flags/?severity=medium")
    for key in ("j", "x", "j", "x"):
        page.keyboard.press(key)
    page.get_by_text("Decide the chosen flags together (2)").wait_for()
    page.locator("#flags-chosen").get_by_role("button", name="Dismiss").click()
    page.get_by_role("dialog").get_by_role("button", name="Decide them").click()
    page.get_by_text("2 flags decided.").wait_for()
    assert page.get_by_test_id("flag-row").count() == 1
    page.goto(f"{live_server.url}/console/flags/?severity=high")
    for key in ("j", "c"):
        page.keyboard.press(key)
    page.wait_for_selector("[data-status=mine]:focus")
    page.keyboard.press("a")
    assert page.get_by_test_id("flag-alike").is_checked()
    page.keyboard.press("1")
    page.get_by_text("3 flags decided.").wait_for()
    assert page.url == f"{live_server.url}/console/flags/?severity=high"
    assert problems == []


def test_a_key_pressed_before_htmx_bound_the_opened_flag_stays_on_the_page(
    browser: Browser, live_server: LiveServer
) -> None:
    page, problems = sign_in(browser, live_server, width=1280, scheme="light")
    page.goto(f"{live_server.url}/console/flags/")
    page.evaluate(
        """document.addEventListener("htmx:before:settle", () =>
        document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key: "c", bubbles: true})), {once: true})"""
    )
    for key in ("j", "Enter"):
        page.keyboard.press(key)
    page.wait_for_selector("[data-status=mine]:focus")
    assert page.url == f"{live_server.url}/console/flags/"
    assert problems == []


HIDE = "Object.defineProperty(document, 'hidden', {value: %s, configurable: true})"


def test_states_renew_themselves_without_taking_the_focus_and_rest_while_hidden(
    browser: Browser, live_server: LiveServer
) -> None:
    page, problems = sign_in(browser, live_server, width=1280, scheme="light")
    page.wait_for_function("window.htmx && document.querySelector('[data-poll][data-htmx-powered]')")
    page.get_by_role("button", name="Serve this version: large").focus()
    polls: list[str] = []
    page.on("request", lambda request: polls.append(request.url) if "/states/" in request.url else None)
    page.evaluate("document.querySelector('[data-state=loaded]').dataset.state = 'old'")

    page.evaluate(HIDE % "true")
    page.evaluate("htmx.trigger('[data-poll]', 'refresh')")
    assert polls == []
    page.evaluate(HIDE % "false")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_selector("[data-testid=version-state][data-state=loaded]")
    assert page.get_by_test_id("version-state").count() == 2
    assert page.evaluate("document.activeElement.ariaLabel") == "Serve this version: large"
    assert problems == []


def test_a_server_that_does_not_answer_is_told_once_and_taken_back(browser: Browser, live_server: LiveServer) -> None:
    page, _ = sign_in(browser, live_server, width=1280, scheme="light")
    page.goto(f"{live_server.url}/console/workers/")
    page.wait_for_function("window.htmx && document.querySelector('[data-poll][data-htmx-powered]')")
    page.route("**/console/workers/", lambda route: route.abort())
    page.evaluate("htmx.trigger('[data-poll]', 'refresh')")
    page.get_by_text("The server does not answer").wait_for()
    assert page.locator(".toast").count() == 0
    page.unroute("**/console/workers/")
    page.evaluate("htmx.trigger('[data-poll]', 'refresh')")
    page.get_by_text("The server does not answer").wait_for(state="hidden")


def test_a_route_is_changed_by_keyboard_and_told_in_words_before_it_is_saved(
    browser: Browser, live_server: LiveServer
) -> None:
    page, problems = sign_in(browser, live_server, width=1280, scheme="light")
    page.goto(f"{live_server.url}/console/routes/edit/?name=default")
    page.wait_for_function("window.htmx && document.querySelector('#edit-form[data-htmx-powered]')")
    page.get_by_test_id("route-add-arm").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("[name=arm_share]:focus")
    page.keyboard.type("10")
    page.keyboard.press("Tab")
    page.keyboard.type("large")
    page.keyboard.press("Tab")
    page.get_by_text("10 % of users get large; everybody else gets small.").wait_for()
    assert findings_of_axe(page) == ""

    page.get_by_role("button", name="Remove fallback 1").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-testid=route-add-fallback]:focus")
    page.fill("[name=arm_share]", "1000")
    page.keyboard.press("Enter")
    page.get_by_text("The route is not saved.").wait_for()
    assert "percent" in page.locator("#error-arms").inner_text()
    page.fill("[name=arm_share]", "10")
    page.get_by_test_id("route-save").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"{live_server.url}/console/routes/")
    page.get_by_text("The route default is saved.").wait_for()
    assert "10 % of users get large" in page.get_by_test_id("route-row").inner_text()
    assert [problem for problem in problems if "400" not in problem] == []


def test_a_route_is_changed_without_a_script(browser: Browser, live_server: LiveServer) -> None:
    signed_in, _ = sign_in(browser, live_server, width=1280, scheme="light")
    state = signed_in.context.storage_state()
    page = browser.new_context(java_script_enabled=False, storage_state=state).new_page()
    page.goto(f"{live_server.url}/console/routes/edit/?name=default")
    page.get_by_test_id("route-add-arm").click()
    page.fill("[name=arm_share]", "25")
    page.select_option("[name=arm_version]", "large")
    page.get_by_test_id("route-save").click()
    assert page.url == f"{live_server.url}/console/routes/"
    assert "25 % of users get large" in page.get_by_test_id("route-row").inner_text()
