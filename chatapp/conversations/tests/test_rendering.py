import re
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.conversations.models import Conversation, ConversationSummary, Generation, Message, Source, Status
from chatapp.conversations.notices import notice_of
from chatapp.conversations.queue import QueuePlace
from chatapp.conversations.rendering import group_by_day, render_turn
from chatapp.conversations.selectors import Turn, get_turn_for
from chatapp.conversations.tests.conftest import Ask
from chatapp.inference.models import ModelVersion


def ended(generation: Generation, user: User, *, text: str, status: str, error_code: str = "") -> Turn:
    Generation.objects.filter(id=generation.id).update(status=status, error_code=error_code)
    Message.objects.filter(id=generation.message_id).update(text=text)
    return get_turn_for(user, generation.message_id)


@pytest.mark.parametrize("status", [status for status in Status if status not in {Status.QUEUED, Status.ANSWERING}])
def test_every_ending_says_its_status(alice: User, ask: Ask, status: str) -> None:
    html = render_turn(ended(ask(alice), alice, text="Some text.", status=status), user=alice)
    assert f'data-status="{status}"' in html
    assert "Some text." in html
    assert 'data-testid="regenerate"' in html
    assert "data-progress" not in html


@pytest.mark.parametrize("status", [Status.FAILED, Status.INTERRUPTED])
def test_a_broken_answer_offers_to_try_again(alice: User, ask: Ask, status: str) -> None:
    html = render_turn(ended(ask(alice), alice, text="", status=status), user=alice)
    assert 'data-testid="retry"' in html


def test_a_live_answer_shows_its_checkpoint_and_its_place(alice: User, ask: Ask) -> None:
    generation = ask(alice)
    queued = render_turn(get_turn_for(alice, generation.message_id), user=alice)
    assert "number 1 in the queue" in queued
    Generation.objects.filter(id=generation.id).update(status=Status.ANSWERING, checkpoint="So *far*", checkpoint_seq=7)
    answering = render_turn(get_turn_for(alice, generation.message_id), user=alice)
    assert "<p>So <em>far</em></p>" in answering
    assert 'data-seq="7"' in answering
    assert 'data-testid="regenerate"' not in re.sub("<template.*?</template>", "", answering, flags=re.DOTALL)


@pytest.mark.parametrize(
    "place, words",
    [
        (QueuePlace(position=2, wait_seconds=None), "number 2 in the queue"),
        (QueuePlace(position=1, wait_seconds=89), "number 1 in the queue, about 89 s"),
        (QueuePlace(position=1, wait_seconds=300), "number 1 in the queue, about 5 min"),
        (QueuePlace(position=1, wait_seconds=7, follows=True), ">about 7 s<"),
    ],
)
def test_the_place_in_words(alice: User, ask: Ask, place: QueuePlace, words: str) -> None:
    turn = replace(get_turn_for(alice, ask(alice).message_id), queue=place)
    html = render_turn(turn, user=alice)
    assert words in html
    assert ("Answered after the one above" in html) == place.follows


def test_the_smaller_model_is_offered_by_its_name(alice: User, ask: Ask) -> None:
    turn = get_turn_for(alice, ask(alice).message_id)
    button = r'<button[^>]*data-testid="switch-model"[^>]*\bhidden>'
    assert re.search(button, render_turn(turn, user=alice))
    offered = render_turn(replace(turn, queue=QueuePlace(1, None, faster="small <b>")), user=alice)
    assert not re.search(button, offered)
    assert "<span data-faster>small &lt;b&gt;</span>" in offered


def test_blocked_text_is_a_notice_and_not_the_body(alice: User, ask: Ask) -> None:
    html = render_turn(ended(ask(alice), alice, text="A rule **stopped** it.", status=Status.BLOCKED), user=alice)
    assert "data-body" not in html
    assert "A rule **stopped** it." in html


def test_sources_are_numbered_and_cited_ones_come_first(alice: User, ask: Ask) -> None:
    generation = ask(alice)
    message = generation.message_id
    for n, cited in [(1, False), (2, True)]:
        Source.objects.create(
            message_id=message, n=n, document_name=f"handbook-{n}.pdf", page=n, quote="<b>quoted</b>", cited=cited
        )
    turn = ended(generation, alice, text="Thirty days [2], never [3].", status=Status.COMPLETE)
    html = render_turn(turn, user=alice)
    assert f'href="#source-{message}-2"' in html
    assert f'href="#source-{message}-3"' not in html
    assert html.index("handbook-2.pdf") < html.index("handbook-1.pdf")
    assert f'id="source-{message}-2"' in html
    assert "<b>quoted" not in html
    assert "The document has been deleted since." in html


@pytest.mark.parametrize("tokens,filled", [((0, 0), None), ((700, 100), 50), ((1500, 300), 100)])
def test_an_answer_says_how_full_the_context_is(
    alice: User, ask: Ask, scripted: ModelVersion, tokens: tuple[int, int], filled: int | None
) -> None:
    generation = ask(alice)
    Generation.objects.filter(id=generation.id).update(
        version=scripted, prompt_tokens=tokens[0], completion_tokens=tokens[1]
    )
    html = render_turn(ended(generation, alice, text="Yes.", status=Status.COMPLETE), user=alice)
    assert [f'data-filled="{filled}"' in html, "data-filled" in html] == [filled is not None] * 2


def test_an_answer_shows_the_summary_that_it_was_given(alice: User, ask: Ask) -> None:
    generation = ask(alice)
    plain = render_turn(ended(generation, alice, text="Yes.", status=Status.COMPLETE), user=alice)
    question = generation.message.parent
    assert question is not None
    summary = ConversationSummary.objects.create(upto=question, text="<b>They</b> talked.")
    Generation.objects.filter(id=generation.id).update(summary=summary)
    html = render_turn(get_turn_for(alice, generation.message_id), user=alice)
    assert "summarised" not in plain
    assert "Earlier messages are summarised for the model" in html
    assert "&lt;b&gt;They&lt;/b&gt; talked." in html


def test_a_lone_message_shows_no_versions(alice: User, ask: Ask) -> None:
    html = render_turn(get_turn_for(alice, ask(alice).message_id), user=alice)
    assert "branch-next" not in html


@pytest.mark.parametrize(
    "code", ["worker_lost", "queue_timeout", "empty_answer", "model_unavailable", "never heard of"]
)
def test_a_failure_is_a_sentence_that_says_what_to_do(code: str) -> None:
    notice = notice_of(Status.FAILED, code, "")
    assert notice is not None
    assert "ry again" in notice.text
    assert "{" not in notice.text


def test_a_running_or_complete_answer_needs_no_notice() -> None:
    assert [notice_of(status, "", "text") for status in (Status.QUEUED, Status.ANSWERING, Status.COMPLETE)] == [
        None
    ] * 3


def test_conversations_are_grouped_under_headings_in_their_order() -> None:
    now = timezone.now()
    ages = [0, 0, 1, 3, 20, 400]
    listed = [Conversation(id=uuid4(), updated_at=now - timedelta(days=days)) for days in ages]
    groups: Any = group_by_day(listed)
    headings = [heading for heading, _ in groups]
    assert headings[:4] == ["Today", "Yesterday", "Last 7 days", "Last 30 days"]
    assert headings[4] == f"{timezone.localdate(listed[5].updated_at):%B %Y}"
    assert [c.id for _, group in groups for c in group] == [c.id for c in listed]
