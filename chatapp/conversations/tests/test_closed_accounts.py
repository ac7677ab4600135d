"""What waits or runs for somebody ends with their account."""

import time
from typing import Any

import pytest

from chatapp.accounts import services as accounts
from chatapp.accounts.models import User
from chatapp.conversations import selectors, services
from chatapp.conversations.models import Generation, Status
from chatapp.conversations.queue import claim_next
from chatapp.conversations.tests.conftest import Ask, Start
from chatapp.conversations.tests.queueing import renew_lease
from chatapp.conversations.tests.waiting import until
from chatapp.conversations.workers.inference import InferenceWorker
from chatapp.inference.models import ModelVersion

pytestmark = pytest.mark.django_db(transaction=True)
LONG = "rate=30 tokens=2000"


def status_of(generation: Generation) -> str:
    return Generation.objects.get(id=generation.id).status


def test_b06_waiting_and_running_answers_stop_within_seconds_and_the_slot_is_free(
    alice: User, bob: User, ada: User, ask: Ask, worker: InferenceWorker, slot: Start, settings: Any
) -> None:
    settings.USER_CONCURRENT_ANSWERS = 1
    running = ask(alice, LONG)
    waiting = ask(alice, LONG)
    slot()
    until(lambda: status_of(running) == Status.ANSWERING)
    began = time.monotonic()
    accounts.disable_user(user=alice, actor=ada, reason="left")
    until(lambda: status_of(running) == Status.STOPPED)
    assert time.monotonic() - began < 5
    assert status_of(waiting) == Status.STOPPED
    his = ask(bob)
    slot()
    until(lambda: status_of(his) == Status.COMPLETE)


def test_b06_a_stop_that_nobody_heard_is_found_with_the_next_renewal(
    alice: User, ask: Ask, scripted: ModelVersion
) -> None:
    ask(alice, LONG)
    claimed = claim_next(worker="w", version_ids=[scripted.id])
    assert claimed is not None
    assert renew_lease(claimed, text="a", seq=1, first_token_at=None) is False
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert renew_lease(claimed, text="ab", seq=2, first_token_at=None) is True


def test_b06_side_work_that_was_asked_for_is_not_done(alice: User, ask: Ask, scripted: ModelVersion) -> None:
    generation = ask(alice)
    Generation.objects.filter(id=generation.id).update(status=Status.COMPLETE)
    assert selectors.get_answered(generation.id) == generation
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert selectors.get_answered(generation.id) is None


def test_only_that_person_is_stopped(alice: User, bob: User, ada: User, ask: Ask) -> None:
    hers, his = ask(alice), ask(bob)
    assert services.stop_all_of(user_id=alice.pk) == 1
    assert [status_of(hers), status_of(his)] == [Status.STOPPED, Status.QUEUED]
