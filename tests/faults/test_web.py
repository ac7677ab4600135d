"""F16 to F18 and F21: what a user keeps when web processes die or are deployed, and of pages that come and go."""

import signal
import threading
from uuid import uuid4

import httpx
import pytest

from tests.faults.conftest import Prove
from tests.faults.scene import Scene
from tests.faults.watching import numbers_in

pytestmark = pytest.mark.faults
SOCKETS = 100
SERVICE_RESTART = 1012


@pytest.mark.fault("F16")
def test_a_killed_web_process_with_a_hundred_sockets_costs_no_word(scene: Scene, prove: Prove) -> None:
    sent = scene.alice.send("rate=20 tokens=300")
    crowd = [scene.alice.open_page() for _ in range(SOCKETS - len(scene.people))]
    shown = [page.watch(sent.generation) for page in crowd]
    scene.wait_for(lambda: all(len(one.numbers) >= 10 for one in shown), 90)
    scene.stack.wait_restarted("web", scene.stack.kill("web"))
    ended = scene.wait_status(sent, "complete", "interrupted")
    assert (ended["status"], numbers_in(ended["text"])) == ("complete", list(range(300)))
    scene.wait_for(lambda: all(one.ended for one in shown), 120)
    assert all(page.opened == 2 for page in crowd)
    assert all(one.numbers == list(range(300)) for one in shown)
    prove()


@pytest.mark.fault("F17")
def test_a_deploy_of_web_tells_pages_to_come_back_and_old_pages_read_on(scene: Scene, prove: Prove) -> None:
    sent = scene.alice.send("rate=20 tokens=200")
    old_page = scene.alice.open_page(protocol=None)
    shown = old_page.watch(sent.generation)
    scene.wait_for(lambda: len(shown.numbers) >= 10)
    scene.wait_shown(sent, 10)
    scene.stack.wait_restarted("web", scene.stack.kill("web", signal.SIGTERM))
    ended = scene.wait_status(sent, "complete", "interrupted")
    assert (ended["status"], numbers_in(ended["text"])) == ("complete", list(range(200)))
    scene.wait_for(lambda: shown.ended)
    assert shown.numbers == list(range(200))
    assert [page.close_codes for page in scene.alice.pages] == [[SERVICE_RESTART], [SERVICE_RESTART]]
    prove()


@pytest.mark.fault("F18")
def test_three_reloads_a_second_tab_and_another_device_show_one_answer(scene: Scene, prove: Prove) -> None:
    sent = scene.alice.send("rate=20 tokens=160")
    tab = scene.alice.open_page()
    device = scene.alice.open_page(protocol=None)
    others = [tab.watch(sent.generation), device.watch(sent.generation)]
    for mark in (20, 50, 80):
        scene.wait_shown(sent, mark)
        reloaded = scene.alice.open_page()
        others.append(reloaded.watch(sent.generation))
        shown = scene.alice.read(sent.conversation)[0].numbers
        assert shown == list(range(len(shown)))
    assert scene.wait_status(sent, "complete", "interrupted")["attempt"] == 1
    scene.wait_for(lambda: all(one.ended for one in others))
    assert [one.numbers for one in others] == [list(range(160))] * len(others)
    prove()


@pytest.mark.fault("F21")
def test_a_double_click_and_a_post_from_two_tabs_make_one_question(scene: Scene, prove: Prove) -> None:
    conversation, question, text = str(uuid4()), str(uuid4()), "rate=200 tokens=30"
    responses: list[httpx.Response] = []

    def click() -> None:
        responses.append(scene.alice.post(text, conversation=conversation, question=question))

    clicks = [threading.Thread(target=click) for _ in range(4)]
    for one in clicks:
        one.start()
    for one in clicks:
        one.join(60)
    assert [response.status_code for response in responses] == [200] * 4
    sent = scene.alice.remember(responses[0].text, text=text, conversation=conversation, question=question)
    rows = scene.stack.rows("SELECT count(*) FROM conversations_message WHERE conversation_id = %s", conversation)
    assert rows == [(2,)]
    scene.wait_status(sent, "complete")
    again = scene.alice.retry(sent)  # Asked for twice on purpose, so two answers.
    assert again.generation != sent.generation
    scene.wait_status(again, "complete")
    prove()
