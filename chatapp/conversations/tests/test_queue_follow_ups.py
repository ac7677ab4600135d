"""Questions that are asked while the answer above them is still live, and how many may wait."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db.models.functions import Now

from chatapp.accounts.models import User
from chatapp.conversations import services
from chatapp.conversations.models import Conversation, Generation, Status
from chatapp.conversations.pipeline.prompts import read_history
from chatapp.conversations.queue import QueuePlace, find_places
from chatapp.conversations.selectors import get_thread_for
from chatapp.conversations.services import FinishedAnswer, finish_generation
from chatapp.conversations.tests.conftest import Ask
from chatapp.conversations.tests.queueing import claim_all, claim_any, queue_for, serve, took
from chatapp.conversations.tests.test_messages import code_of
from chatapp.inference.models import ModelVersion

pytestmark = pytest.mark.django_db


def claim(expected: Generation) -> Generation:
    claimed = claim_any()
    assert claimed is not None
    assert claimed.id == expected.id
    return claimed


def conversation_of(generation: Generation) -> UUID:
    return generation.message.conversation_id


class TestFollowing:
    def test_it_waits_for_the_end_of_the_answer_above_and_sees_it(self, alice: User, ask: Ask) -> None:
        above = ask(alice, "First")
        follow_up = ask(alice, "Second", conversation_of(above))
        assert follow_up.follows == above
        claimed = claim(above)
        assert claim_any() is None
        finish_generation(claimed, FinishedAnswer(status=Status.COMPLETE, text="One."))
        history = read_history(claim(follow_up))
        assert [message.text for message in history.messages] == ["First", "One.", "Second"]

    @pytest.mark.parametrize("status", [Status.FAILED, Status.STOPPED, Status.INTERRUPTED, Status.BLOCKED])
    def test_however_the_answer_above_ends(self, alice: User, ask: Ask, status: Status) -> None:
        above = ask(alice)
        follow_up = ask(alice, conversation_id=conversation_of(above))
        finish_generation(claim(above), FinishedAnswer(status=status, text=""))
        assert read_history(claim(follow_up)).messages[-1].id == follow_up.message.parent_id

    def test_several_come_one_after_the_other(self, alice: User, ask: Ask) -> None:
        above = ask(alice)
        first, second = (ask(alice, conversation_id=conversation_of(above)) for _ in range(2))
        for generation in (above, first, second):
            claimed = claim(generation)
            assert claim_any() is None
            finish_generation(claimed, FinishedAnswer(status=Status.COMPLETE, text="Yes."))
        assert [turn.generation.id for turn in get_thread_for(alice, conversation_of(above)) if turn.generation] == [
            above.id,
            first.id,
            second.id,
        ]

    def test_a_cancelled_one_lets_those_behind_it_go_on(self, alice: User, ask: Ask) -> None:
        above = ask(alice)
        first, second = (ask(alice, conversation_id=conversation_of(above)) for _ in range(2))
        assert services.request_stop(user=alice, generation_id=first.id).status == Status.STOPPED
        assert services.request_stop(user=alice, generation_id=above.id).status == Status.STOPPED
        claim(second)

    def test_it_delays_nobody_while_it_cannot_be_claimed(self, alice: User, bob: User, ask: Ask) -> None:
        above = ask(alice)
        ask(alice, conversation_id=conversation_of(above))
        other = ask(bob)
        assert find_places([other.id])[other.id].position == 2
        assert [one.id for one in claim_all()] == [above.id, other.id]

    def test_below_an_answer_that_has_ended_nothing_is_waited_for(self, alice: User, ask: Ask) -> None:
        above = ask(alice)
        finish_generation(claim(above), FinishedAnswer(status=Status.COMPLETE, text="One."))
        assert ask(alice, conversation_id=conversation_of(above)).follows is None

    def test_another_answer_to_a_live_one_is_refused(self, alice: User, ask: Ask) -> None:
        above = ask(alice)
        assert code_of(services.regenerate, user=alice, message_id=above.message_id) == "conversation_busy"

    def test_the_place_tells_that_it_follows_and_counts_the_rest_of_what_is_above(
        self, alice: User, bob: User, ask: Ask, scripted: ModelVersion
    ) -> None:
        serve(scripted, slots=1)
        above = ask(alice)
        first, second = (ask(alice, conversation_id=conversation_of(above)) for _ in range(2))
        took(10, queue_for(alice)[0])
        Generation.objects.exclude(message__conversation=conversation_of(above)).delete()
        places = find_places([above.id, first.id, second.id])
        seen = [places[one.id] for one in (above, first, second)]
        assert seen == [QueuePlace(1, 10), QueuePlace(1, 20, follows=True), QueuePlace(1, 30, follows=True)]
        claim(above)
        Generation.objects.filter(id=above.id).update(claimed_at=Now() - timedelta(seconds=4))
        alone = find_places([first.id])[first.id]
        ask(bob)
        behind = find_places([first.id])[first.id]
        assert ((alone.position, alone.follows), (behind.position, behind.follows)) == ((1, True), (2, True))
        assert alone.wait_seconds <= 6
        assert 10 <= behind.wait_seconds <= 16


class TestLimits:
    def test_a_conversation_holds_so_many_that_wait(self, alice: User, ask: Ask, settings: Any) -> None:
        settings.CONVERSATION_MAX_QUEUED = 2
        above = ask(alice)
        claim(above)
        post = {"user": alice, "conversation_id": conversation_of(above)}
        ask(**post)
        ask(**post)
        assert code_of(ask, **post) == "conversation_full"
        ask(alice)

    def test_one_user_cannot_fill_the_queue(self, alice: User, bob: User, ask: Ask, settings: Any) -> None:
        settings.USER_MAX_QUEUED = 2
        queue_for(alice, 2)
        assert code_of(ask, user=alice) == "user_queue_full"
        assert Conversation.objects.filter(owner=alice).count() == 2
        ask(bob)

    def test_a_full_queue_says_when_to_come_again(
        self, alice: User, bob: User, ask: Ask, scripted: ModelVersion, settings: Any
    ) -> None:
        settings.QUEUE_MAX_GENERATIONS = 2
        waiting = queue_for(alice, 2)
        with pytest.raises(Exception, match="again in 30 seconds"):
            ask(bob)
        serve(scripted, slots=2)
        took(40, waiting[0])
        with pytest.raises(Exception, match="again in 40 seconds"):
            ask(bob)

    def test_the_same_post_again_is_never_refused(self, alice: User, scripted: ModelVersion, settings: Any) -> None:
        post: dict[str, Any] = {"user": alice, "text": "Once", "message_id": uuid4(), "conversation_id": uuid4()}
        posted = services.post_message(**post)
        settings.QUEUE_MAX_GENERATIONS = settings.USER_MAX_QUEUED = settings.CONVERSATION_MAX_QUEUED = 1
        assert services.post_message(**post).id == posted.id


class TestDeletion:
    def test_a_deleted_conversation_takes_its_waiting_and_running_answers_along(
        self, alice: User, bob: User, ask: Ask
    ) -> None:
        above = ask(alice)
        ask(alice, conversation_id=conversation_of(above))
        claimed = claim(above)
        services.delete_conversation(user=alice, conversation_id=conversation_of(above))
        assert not finish_generation(claimed, FinishedAnswer(status=Status.COMPLETE, text="late"))
        assert (Generation.objects.count(), claim_any()) == (0, None)

    def test_so_does_a_deleted_user(self, alice: User, bob: User, ask: Ask) -> None:
        above = ask(alice)
        ask(alice, conversation_id=conversation_of(above))
        claimed, other = claim(above), ask(bob)
        User.objects.get(id=alice.id).delete()
        assert not finish_generation(claimed, FinishedAnswer(status=Status.COMPLETE, text="late"))
        services.record_aftermath(claimed.id)
        claim(other)
        assert services.sweep_generations() == 0
