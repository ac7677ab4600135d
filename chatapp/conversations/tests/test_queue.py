"""The queue of record: claims, fairness, leases, fencing."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.conversations import services
from chatapp.conversations.models import Generation, Status
from chatapp.conversations.queue import claim_next
from chatapp.conversations.services import FinishedAnswer, finish_generation
from chatapp.conversations.tests.conftest import Ask
from chatapp.conversations.tests.queueing import renew_lease
from chatapp.inference.models import ModelVersion, Provider, Route
from tests.people import make_person


def claim(version: ModelVersion, worker: str = "w") -> Generation:
    claimed = claim_next(worker=worker, version_ids=[version.id])
    assert claimed is not None
    return claimed


def is_empty(version: ModelVersion) -> bool:
    return claim_next(worker="w", version_ids=[version.id]) is None


def test_a_claim_sets_attempt_lease_and_version(alice: User, ask: Ask, scripted: ModelVersion) -> None:
    asked = ask(alice)
    claimed = claim(scripted, worker="inference@one")
    assert (claimed.id, claimed.status, claimed.attempt) == (asked.id, Status.ANSWERING, 1)
    assert (claimed.lease_owner, claimed.version) == ("inference@one", scripted)
    assert claimed.lease_until > timezone.now()
    assert is_empty(scripted)


def test_a_worker_claims_only_versions_that_it_serves(alice: User, ask: Ask, scripted: ModelVersion) -> None:
    other = ModelVersion.objects.create(name="other", provider=Provider.LLAMA_CPP, context_tokens=1024)
    ask(alice)
    assert is_empty(other)
    Route.objects.update(version=other)
    assert is_empty(scripted)
    assert claim(other).version == other


def test_a_zombie_writes_nothing(alice: User, ask: Ask, scripted: ModelVersion) -> None:
    ask(alice)
    zombie = claim(scripted)
    Generation.objects.update(status=Status.QUEUED)
    heir = claim(scripted)
    assert renew_lease(zombie, text="late", seq=9, first_token_at=None) is None
    assert not finish_generation(zombie, FinishedAnswer(status=Status.COMPLETE, text="late"))
    assert renew_lease(heir, text="shown", seq=3, first_token_at=None) is False
    stored = Generation.objects.get()
    assert (stored.status, stored.checkpoint, stored.checkpoint_seq) == (Status.ANSWERING, "shown", 3)


def test_stop_ends_what_is_queued_and_asks_what_is_running(alice: User, ask: Ask, scripted: ModelVersion) -> None:
    running, queued = ask(alice), ask(alice)
    claimed = claim(scripted)
    assert services.request_stop(user=alice, generation_id=queued.id).status == Status.STOPPED
    assert services.request_stop(user=alice, generation_id=running.id).status == Status.ANSWERING
    assert renew_lease(claimed, text="", seq=0, first_token_at=None) is True


def test_nothing_past_its_deadline_is_claimed_and_the_sweep_fails_it(
    alice: User, ask: Ask, scripted: ModelVersion
) -> None:
    ask(alice)
    Generation.objects.update(deadline_at=Now() - timedelta(seconds=1))
    assert is_empty(scripted)
    assert services.sweep_generations() == 1
    stored = Generation.objects.get()
    assert (stored.status, stored.error_code) == (Status.FAILED, "queue_timeout")
    assert services.sweep_generations() == 0


@pytest.mark.django_db(transaction=True)
def test_two_workers_never_claim_the_same(ask: Ask, scripted: ModelVersion) -> None:
    asked = {ask(make_person(f"person-{number}")).id for number in range(12)}
    claimed: list[object] = []

    def work() -> None:
        while (generation := claim_next(worker="w", version_ids=[scripted.id])) is not None:
            claimed.append(generation.id)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claimed) == len(set(claimed)) == 12
    assert set(claimed) == asked
