"""Running answers in a real browser: follow-ups, tabs in step, lost connections, notices."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.e2e.browser import ANSWER_MS, User, numbered
from tests.e2e.sockets import Sockets, refuse_sockets

pytestmark = pytest.mark.e2e
LONG = "rate=15 tokens=2000"


def words_of(answer: Locator) -> list[str]:
    return re.findall(r"t\d{6}", answer.inner_text())


def status(answer: Locator, name: str) -> None:
    expect(answer).to_have_attribute("data-status", name, timeout=ANSWER_MS)


def in_step(user: User) -> None:
    expect(user.page.locator("main[data-connected]")).to_be_attached(timeout=ANSWER_MS)


@pytest.fixture
def second(alice: User) -> Iterator[User]:
    """Another tab of the same browser, for the conversation that the test starts."""
    tab = User(alice.page.context.new_page(), alice.stack)
    yield tab
    assert tab.complaints == []


def open_beside(alice: User, tab: User) -> None:
    tab.page.goto(alice.page.url)
    in_step(tab)


def test_the_next_messages_wait_below_a_running_answer_and_can_be_cancelled(alice: User) -> None:
    running = alice.ask(LONG)
    alice.wait_text("t000005")
    follows = alice.ask("rate=400 say: the second")
    cancelled = alice.ask("rate=400 say: the third")
    expect(follows.locator("[data-progress-text]")).to_have_text("Answered after the one above")
    cancelled.get_by_test_id("cancel-queued").click()
    status(cancelled, "stopped")
    status(running, "answering")
    alice.page.get_by_test_id("stop").click()
    status(running, "stopped")
    status(follows, "complete")
    expect(follows).to_contain_text("the second")
    shown = words_of(running)
    assert shown == numbered(len(shown)) != []
    alice.page.reload()
    assert words_of(alice.answers.first) == shown
    expect(alice.answers.nth(1)).to_contain_text("the second")


def test_what_a_conversation_holds_back_is_limited_and_the_text_is_kept(alice: User) -> None:
    alice.ask(LONG)
    for number in range(3):
        alice.ask(f"rate=400 say: {number}")
    composer = alice.page.get_by_test_id("composer")
    composer.fill("one too many")
    alice.page.keyboard.press("Enter")
    expect(alice.page.locator("#composer-error")).to_contain_text("wait")
    expect(composer).to_have_value("one too many")
    for queued in (3, 2, 1):
        alice.answers.nth(queued).get_by_test_id("cancel-queued").click()
        status(alice.answers.nth(queued), "stopped")
    alice.page.get_by_test_id("stop").click()
    status(alice.answers.first, "stopped")
    # The browser itself reports every 4xx answer as an error of the page.
    assert [said for said in alice.complaints if "409" not in said and "429" not in said] == []
    alice.complaints.clear()


def test_the_place_in_the_queue_is_live_and_a_smaller_model_can_answer_instead(alice: User) -> None:
    sockets = Sockets(alice.page)
    alice.open("/")
    in_step(alice)
    running = alice.ask(LONG)
    waiting = alice.ask("rate=400 say: soon")
    generation = waiting.get_attribute("data-generation")
    sockets.withheld = {"status"}  # Only the test's own ones from here on.
    state = {"type": "status", "generation": generation, "status": "queued", "note": "", "follows": False}
    sockets.say(**state, position=2, wait_seconds=50, faster="")
    expect(waiting.get_by_test_id("queue-position")).to_have_text("number 2 in the queue, about 50 s")
    expect(waiting.get_by_test_id("switch-model")).to_be_hidden()
    sockets.say(**state, position=1, wait_seconds=300, faster="small")
    expect(waiting.get_by_test_id("queue-position")).to_have_text("number 1 in the queue, about 5 min")
    switch = waiting.get_by_role("button", name="Answer with small now")
    with alice.page.expect_response(f"**/generations/{generation}/switch/") as asked:
        switch.click()
    assert asked.value.status == 409
    expect(alice.page.locator("#composer-error")).to_contain_text("The answer keeps its place in the queue")
    alice.page.get_by_test_id("stop").click()
    status(running, "stopped")
    status(waiting, "complete")
    assert [said for said in alice.complaints if "409" not in said] == []
    alice.complaints.clear()


def test_a_second_tab_shows_what_the_first_one_does(alice: User, second: User) -> None:
    alice.ask("rate=400 say: one")
    alice.wait_settled()
    open_beside(alice, second)
    alice.ask(LONG)
    status(second.answers.nth(1), "answering")
    expect(second.answers.nth(1)).to_contain_text("t000003", timeout=ANSWER_MS)
    second.page.get_by_test_id("stop").click()
    status(alice.answers.nth(1), "stopped")
    status(second.answers.nth(1), "stopped")
    assert words_of(alice.answers.nth(1)) == words_of(second.answers.nth(1)) != []
    alice.page.get_by_test_id("message-user").nth(1).hover()
    alice.page.get_by_test_id("edit").nth(1).click()
    alice.page.locator("#edit-text").fill("rate=400 say: in other words")
    alice.page.keyboard.press("Enter")
    expect(second.answers.nth(1)).to_contain_text("in other words", timeout=ANSWER_MS)
    expect(second.answers).to_have_count(2)
    alice.wait_settled()
    second.wait_settled()
    second.ask("rate=400 say: from here")
    expect(alice.answers.nth(2)).to_contain_text("from here", timeout=ANSWER_MS)


def test_a_change_is_shown_although_the_server_could_not_answer_at_first(alice: User, second: User) -> None:
    alice.ask("rate=400 say: one")
    alice.wait_settled()
    open_beside(alice, second)
    second.page.route("**/c/**", lambda route: route.fulfill(status=503))
    with second.page.expect_response(lambda response: response.status == 503, timeout=ANSWER_MS):
        alice.ask("rate=400 say: two")
    second.page.unroute("**/c/**")
    expect(second.answers).to_have_count(2, timeout=ANSWER_MS)
    second.wait_settled()
    expect(second.answers.last).to_contain_text("two")
    assert [said for said in second.complaints if "503" not in said] == []
    second.complaints.clear()


def test_a_regenerated_answer_is_followed_but_an_older_version_stays_where_somebody_reads_it(
    alice: User, second: User
) -> None:
    alice.ask("rate=400 say: one")
    alice.wait_settled()
    open_beside(alice, second)
    alice.page.get_by_test_id("regenerate").click()
    expect(second.answers.last.locator(".branch")).to_have_attribute("aria-label", "Version 2 of 2", timeout=ANSWER_MS)
    second.wait_settled()
    second.page.get_by_test_id("branch-prev").click()
    older = second.answers.last.locator(".branch")
    expect(older).to_have_attribute("aria-label", "Version 1 of 2")
    alice.wait_settled()
    alice.page.get_by_test_id("regenerate").click()
    expect(older).to_have_attribute("aria-label", "Version 1 of 3", timeout=ANSWER_MS)


def test_a_running_answer_is_whole_after_a_look_at_another_branch(alice: User) -> None:
    alice.ask("rate=400 say: one")
    alice.wait_settled()
    alice.page.get_by_test_id("message-user").hover()
    alice.page.get_by_test_id("edit").click()
    alice.page.locator("#edit-text").fill("rate=25 tokens=250")
    alice.page.keyboard.press("Enter")
    expect(alice.answers.last).to_contain_text("t000045", timeout=ANSWER_MS)  # The first paragraph has ended.
    alice.page.get_by_test_id("branch-prev").click()
    expect(alice.answers.last).to_contain_text("one")
    alice.page.get_by_test_id("branch-next").click()
    status(alice.answers.last, "answering")
    expect(alice.answers.last).to_contain_text("t000120", timeout=ANSWER_MS)
    assert words_of(alice.answers.last)[:120] == numbered(120)
    status(alice.answers.last, "complete")
    assert words_of(alice.answers.last) == numbered(250)


def test_a_conversation_that_was_deleted_elsewhere_says_so(alice: User, second: User) -> None:
    alice.ask("rate=400 say: gone soon")
    alice.wait_settled()
    open_beside(alice, second)
    listed = alice.page.locator(".conversation:has([aria-current])")
    listed.locator("[popovertarget]").click()
    alice.page.locator(":popover-open").get_by_test_id("delete").click()
    alice.page.get_by_role("button", name="Delete", exact=True).click()
    gone = second.page.get_by_test_id("gone")
    expect(gone).to_be_visible(timeout=ANSWER_MS)
    expect(second.answers).to_have_count(0)
    expect(second.page.get_by_test_id("composer")).to_be_hidden()
    gone.get_by_role("link").click()
    expect(second.page).to_have_url(f"{second.stack.base_url}/")


@pytest.mark.parametrize("late", ["connect", "socket"])
def test_a_page_opens_one_socket_whichever_script_comes_first(alice: User, late: str) -> None:
    sockets = Sockets(alice.page)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    alice.page.route(f"**/js/{late}.*.js", hold)
    alice.page.goto(alice.stack.base_url + "/", wait_until="commit")
    other = "main[data-connected]" if late == "connect" else "#composer"
    alice.page.locator(other).wait_for(state="attached", timeout=ANSWER_MS)
    alice.page.wait_for_function("() => window.earlySocket !== undefined", timeout=ANSWER_MS)
    for route in held:
        route.continue_()
    in_step(alice)
    alice.page.wait_for_load_state("load")
    assert len(held) >= 1
    assert len(sockets.opened) == 1


def test_three_lost_connections_in_a_row_change_nothing(alice: User) -> None:
    sockets = Sockets(alice.page)
    alice.open("/")
    answer = alice.ask("rate=25 tokens=200")
    for mark in ("t000020", "t000060", "t000100"):
        alice.wait_text(mark)
        sockets.cut()
    status(answer, "complete")
    assert len(sockets.opened) >= 4
    assert words_of(answer) == numbered(200)


def test_a_connection_that_is_dead_without_a_word_is_found_out(alice: User) -> None:
    sockets = Sockets(alice.page)
    alice.open("/")
    in_step(alice)
    answer = alice.ask("rate=10 tokens=300")
    alice.wait_text("t000005")
    sockets.silent = True
    expect(answer).to_contain_text("t000250", timeout=ANSWER_MS)
    assert {"type": "ping"} in sockets.sent
    assert len(sockets.opened) > 1
    status(answer, "complete")
    assert words_of(answer) == numbered(300)


def test_frames_of_a_server_from_before_the_last_deploy_are_read(alice: User) -> None:
    sockets = Sockets(alice.page)
    alice.open("/")
    in_step(alice)
    sockets.withheld = {"text"}
    answer = alice.ask(LONG)
    status(answer, "answering")
    generation = answer.get_attribute("data-generation")
    sockets.say(type="snapshot", generation=generation, seq=1, html="<p>one</p>", open="<p>tw</p>")
    expect(answer.locator("[data-body]")).to_have_text("onetw")
    sockets.say(type="append", generation=generation, seq=2, html="<p>two</p>", open="<p>three</p>")
    expect(answer.locator("[data-body] p")).to_have_text(["one", "two", "three"])
    alice.page.get_by_test_id("stop").click()
    status(answer, "stopped")


def test_without_sockets_the_page_asks_and_shows_the_same(alice: User, second: User) -> None:
    refuse_sockets(alice.page)
    alice.open("/")
    running = alice.ask("rate=15 tokens=150")
    follows = alice.ask("rate=400 say: the second")
    expect(running).to_contain_text("t000010", timeout=ANSWER_MS)
    expect(follows.locator("[data-progress-text]")).to_have_text("Answered after the one above")
    expect(running).to_contain_text("t000060", timeout=ANSWER_MS)
    expect(alice.page.locator("#offline")).to_be_hidden()
    alice.wait_settled()
    assert words_of(running) == numbered(150)
    open_beside(alice, second)
    second.ask("rate=400 say: from the other tab")
    expect(alice.answers.nth(2)).to_contain_text("from the other tab", timeout=ANSWER_MS)


def test_a_server_that_is_away_is_said_in_words_and_its_return_repairs_the_page(alice: User) -> None:
    sockets = Sockets(alice.page)
    alice.open("/")
    in_step(alice)
    answer = alice.ask("rate=25 tokens=200")
    alice.wait_text("t000005")
    alice.page.route("**/c/**", lambda route: route.abort())
    alice.page.route_web_socket("**/ws/", lambda route: route.close(code=1011))
    sockets.cut(1011)
    offline = alice.page.locator("#offline")
    expect(offline).to_be_visible(timeout=ANSWER_MS)
    expect(offline).to_contain_text("Reconnecting")
    alice.page.unroute("**/c/**")
    expect(offline).to_be_hidden(timeout=ANSWER_MS)
    status(answer, "complete")
    assert words_of(answer) == numbered(200)
    alice.complaints.clear()


def test_a_reload_in_mid_answer_shows_at_once_what_was_seen(alice: User) -> None:
    answer = alice.ask("rate=60 tokens=600")
    for mark in ("t000050", "t000150"):
        alice.wait_text(mark)
        seen = words_of(answer)
        page = alice.page.request.get(alice.page.url).text()
        assert re.findall(r"t\d{6}", page)[: len(seen)] == seen
    alice.page.get_by_test_id("stop").click()
    status(answer, "stopped")


def test_an_answer_that_broke_off_is_kept_and_asked_for_again(alice: User) -> None:
    question = "rate=100 tokens=40 fail_every=2"
    answer = alice.ask(question)
    alice.wait_settled()
    if answer.get_attribute("data-status") == "complete":  # Every second one breaks off; who was first is unknown.
        alice.page.get_by_test_id("regenerate").click()
        alice.wait_settled()
    status(alice.answers.last, "interrupted")
    assert words_of(alice.answers.last) == numbered(20)
    alice.answers.last.get_by_test_id("retry").click()
    status(alice.answers.last, "complete")
    assert words_of(alice.answers.last) == numbered(40)
    alice.page.get_by_test_id("branch-prev").click()
    status(alice.answers.last, "interrupted")
    assert words_of(alice.answers.last) == numbered(20)


HIDE = """
() => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => true });
  document.dispatchEvent(new Event("visibilitychange"));
}
"""
RECORD_NOTICES = """
  window.notices = [];
  window.Notification = class {
    static permission = "default";
    static async requestPermission() { return (Notification.permission = "granted"); }
    constructor(title, options) { window.notices.push({ title, ...options }); }
    close() {}
  };
"""


def notices(page: Page) -> list[dict[str, str]]:
    found: list[dict[str, str]] = page.evaluate("window.notices")
    return found


def answer_in_hidden_tab(user: User, count: int) -> None:
    user.ask("rate=20 say: a word that no notice holds")
    user.page.evaluate(HIDE)
    user.page.wait_for_function("() => document.title.startsWith('Answer ready')", timeout=ANSWER_MS)
    assert user.answers.count() == count


def test_a_hidden_tab_tells_by_its_title_and_by_a_notice_only_to_who_asked_for_it(alice: User) -> None:
    alice.page.add_init_script(RECORD_NOTICES)
    alice.open("/")
    answer_in_hidden_tab(alice, 1)
    assert notices(alice.page) == []
    alice.page.reload()
    toggle = alice.page.locator("[data-notify-toggle]")
    expect(toggle).to_have_attribute("aria-pressed", "false")
    toggle.click()
    expect(toggle).to_have_attribute("aria-pressed", "true")
    answer_in_hidden_tab(alice, 2)
    alice.page.wait_for_function("() => window.notices.length === 1")
    assert notices(alice.page)[0]["body"] == "Answer ready"
    assert "word" not in str(notices(alice.page))


def test_no_notice_while_another_tab_shows_the_conversation(alice: User, second: User) -> None:
    for user in (alice, second):
        user.page.add_init_script(RECORD_NOTICES)
    alice.open("/")
    alice.page.locator("[data-notify-toggle]").click()
    alice.ask("rate=400 say: one")
    alice.wait_settled()
    open_beside(alice, second)
    answer_in_hidden_tab(alice, 2)
    second.wait_settled()
    alice.page.wait_for_timeout(500)  # Longer than tabs wait for each other.
    assert notices(alice.page) == notices(second.page) == []


def test_e10_a_page_too_many_says_so_waits_as_long_as_it_is_told_and_works_meanwhile(alice: User) -> None:
    sockets = Sockets(alice.page)
    alice.page.reload()
    in_step(alice)
    crowded = alice.page.locator("#crowded")
    expect(crowded).to_be_hidden()
    sockets.opened[-1].close(code=4429, reason="retry after 4 s")
    expect(crowded).to_be_visible(timeout=ANSWER_MS)
    opened = len(sockets.opened)
    alice.page.evaluate("window.dispatchEvent(new Event('online'))")
    alice.page.wait_for_timeout(3_000)
    assert len(sockets.opened) == opened
    in_step(alice)
    expect(crowded).to_be_hidden(timeout=ANSWER_MS)


def test_b03_a_page_whose_session_is_over_goes_to_the_sign_in_page_once_and_keeps_its_text(alice: User) -> None:
    sockets = Sockets(alice.page)
    alice.page.goto(alice.stack.base_url)
    in_step(alice)
    alice.page.locator("#composer-text").fill("half a question")
    for _ in range(2):  # The session lives, so the server lets the page in: it must not reload for ever.
        sockets.cut(4401)
        alice.page.wait_for_timeout(1_500)
    assert len(sockets.opened) == 2
    expect(alice.page.locator("#composer-text")).to_have_value("half a question")
    alice.page.context.clear_cookies()
    alice.page.reload()
    expect(alice.page).to_have_url(re.compile(r"/accounts/login/\?next=/$"))
