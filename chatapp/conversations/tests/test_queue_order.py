"""Who is next: priority, then round by round, then age; and no user has more running answers than seats."""

import random
import threading
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from chatapp.accounts.models import User
from chatapp.conversations import services
from chatapp.conversations.models import LIVE, Generation, Priority, Status
from chatapp.conversations.queue import find_places
from chatapp.conversations.tests.queueing import claim_all, claim_any, queue_for
from chatapp.inference.models import ModelVersion
from tests.people import make_person

pytestmark = pytest.mark.django_db
SEEDS = given(seed=st.integers(0, 2**32))
FEW = hypothesis_settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def end(generation: Generation) -> None:
    Generation.objects.filter(id=generation.id).update(status=Status.COMPLETE)


@pytest.fixture
def people(db: None) -> list[User]:
    return [make_person(f"person-{number}") for number in range(5)]


def test_users_alternate_and_their_own_questions_stay_in_order(alice: User, bob: User, scripted: ModelVersion) -> None:
    first, second, third = queue_for(alice, 3)
    fourth, fifth = queue_for(bob, 2)
    assert [claimed.id for claimed in claim_all()] == [first.id, fourth.id, second.id, fifth.id, third.id]


def test_with_one_slot_too_who_was_served_longest_ago_is_next(alice: User, bob: User, scripted: ModelVersion) -> None:
    queue_for(alice, 3)
    served = []
    for _ in range(5):
        claimed = claim_any()
        assert claimed is not None
        served.append(claimed.user)
        end(claimed)
        if len(served) == 1:
            queue_for(bob, 2)
    assert served == [alice, bob, alice, bob, alice]


def test_interactive_before_api_before_batch_whatever_waits(alice: User, bob: User, scripted: ModelVersion) -> None:
    for priority in (Priority.BATCH, Priority.API, Priority.INTERACTIVE):
        queue_for(alice, priority=priority)
    queue_for(bob, priority=Priority.BATCH)
    claimed = [(one.priority, one.user) for one in claim_all()]
    assert claimed == [(0, alice), (1, alice), (2, bob), (2, alice)]


@FEW
@SEEDS
def test_a_flood_of_one_user_delays_nobody_by_more_than_a_round(
    seed: int, people: list[User], scripted: ModelVersion
) -> None:
    """Claims and ends in any order, on any number of slots; then somebody asks one question."""
    rng = random.Random(seed)
    Generation.objects.all().delete()
    greedy, *others = people
    queue_for(greedy, 50)
    slots, running = rng.randint(1, 6), list[Generation]()

    def step() -> Generation | None:
        if running and (len(running) == slots or rng.random() < 0.5):
            end(running.pop(rng.randrange(len(running))))
        claimed = claim_any() if len(running) < slots else None
        running.extend([claimed] if claimed else [])
        return claimed

    for _ in range(rng.randrange(12)):
        step()
        if rng.random() < 0.2:
            queue_for(rng.choice(others))
    live = set(Generation.objects.filter(status__in=LIVE).values_list("user_id", flat=True))
    asker = next((one for one in others if one.id not in live), None) or make_person(f"late-{uuid4()}")
    question, ahead = queue_for(asker)[0], list[Generation]()
    while (claimed := step()) is None or claimed.id != question.id:
        ahead += [claimed] if claimed else []
        assert len(ahead) < 50
    started = [claimed.user_id for claimed in ahead]
    assert all(started.count(one.id) <= 1 for one in people)


@FEW
@SEEDS
def test_the_places_foretell_the_very_order_of_the_claims(
    seed: int, people: list[User], scripted: ModelVersion
) -> None:
    """But for ties of users who wait in several classes at once."""
    rng = random.Random(seed)
    Generation.objects.all().delete()
    classes = {person: rng.choice(Priority.values) for person in people}
    for _ in range(rng.randint(5, 30)):
        age, person = Now() - timedelta(seconds=rng.randrange(600)), rng.choice(people)
        queue_for(person, priority=classes[person], created_at=age)
        if rng.random() < 0.3:
            claim_any()
    places = find_places(Generation.objects.filter(status=Status.QUEUED).values_list("id", flat=True))
    foretold = sorted(places, key=lambda one: places[one].position)
    assert [places[one].position for one in foretold] == list(range(1, len(foretold) + 1))
    claimed = [one.id for one in claim_all()]
    assert claimed == foretold[: len(claimed)]


def test_no_user_has_more_running_answers_than_seats(
    alice: User, bob: User, scripted: ModelVersion, settings: Any
) -> None:
    settings.USER_CONCURRENT_ANSWERS = 2
    queue_for(alice, 4)
    first, second = claim_all()
    assert (first.seat, second.seat) == (1, 2)
    queue_for(bob)
    assert [claimed.user for claimed in claim_all()] == [bob]
    end(first)
    third = claim_any()
    assert third is not None
    assert (third.user, third.seat, claim_any()) == (alice, 1, None)


def test_what_may_not_start_is_behind_whatever_may(
    alice: User, bob: User, scripted: ModelVersion, settings: Any
) -> None:
    settings.USER_CONCURRENT_ANSWERS = 1
    waiting = queue_for(alice, 2)
    batch = queue_for(bob, priority=Priority.BATCH)
    places = find_places([one.id for one in waiting + batch])
    assert [places[one.id].position for one in waiting + batch] == [1, 3, 2]


def test_a_seat_cannot_be_taken_twice(alice: User, scripted: ModelVersion) -> None:
    queue_for(alice, 2)
    with pytest.raises(IntegrityError, match="one_answer_per_seat"), transaction.atomic():
        Generation.objects.update(status=Status.ANSWERING, seat=1)
    Generation.objects.update(status=Status.COMPLETE, seat=1)  # Only running answers sit.


@pytest.mark.django_db(transaction=True)
def test_slots_that_claim_at_the_same_moment_keep_to_the_seats(
    alice: User, bob: User, scripted: ModelVersion, settings: Any
) -> None:
    settings.USER_CONCURRENT_ANSWERS = 2
    queue_for(alice, 10)
    queue_for(bob, 10)
    barrier, most, failed = threading.Barrier(6), list[int](), list[BaseException]()

    def work() -> None:
        try:
            barrier.wait(timeout=60)
            for _ in range(8):
                claimed = claim_any()
                for person in (alice, bob):
                    most.append(Generation.objects.filter(user=person, status=Status.ANSWERING).count())
                if claimed is not None:
                    end(claimed)
        except BaseException as error:  # noqa: BLE001 - a thread's error is the test's
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert max(most) <= 2
    assert Generation.objects.filter(status=Status.QUEUED).count() < 20


def test_nobody_answers_a_disabled_account_and_nothing_breaks(alice: User, bob: User, scripted: ModelVersion) -> None:
    ended, later = queue_for(alice)[0], queue_for(bob)[0]
    User.objects.filter(id=alice.id).update(is_active=False)
    assert find_places([later.id])[later.id].position == 1
    assert [claimed.user for claimed in claim_all()] == [bob]
    assert services.sweep_generations() == 1
    ended.refresh_from_db()
    assert ended.status == Status.FAILED
