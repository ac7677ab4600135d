"""Where one stands, how long it will take, and whether a smaller model would be faster."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from chatapp.accounts.models import User
from chatapp.conversations import services
from chatapp.conversations.models import Generation, Status
from chatapp.conversations.queue import QueuePlace, find_places
from chatapp.conversations.tests.conftest import Ask
from chatapp.conversations.tests.queueing import claim_any, queue_for, serve, took
from chatapp.errors import ChatappError
from chatapp.inference.models import ModelVersion, Route, RouteArm, RouteFallback, RouteRule, Worker
from tests.versions import make_version

pytestmark = pytest.mark.django_db


def place_of(generation: Generation) -> QueuePlace:
    return find_places([generation.id])[generation.id]


class TestPosition:
    def test_it_counts_from_one_and_only_what_waits(self, alice: User, bob: User, scripted: ModelVersion) -> None:
        running = queue_for(alice)[0]
        claim_any()
        waiting = [queue_for(bob)[0], *queue_for(alice, 2)]
        places = find_places([running.id, *(one.id for one in waiting)])
        assert [places[one.id].position for one in waiting] == [1, 2, 3]
        assert running.id not in places

    def test_one_statement_tells_any_number(
        self, alice: User, bob: User, scripted: ModelVersion, django_assert_num_queries: Any
    ) -> None:
        waiting = queue_for(alice, 20) + queue_for(bob, 20)
        with django_assert_num_queries(1):
            assert len(find_places([one.id for one in waiting])) == 40
        with django_assert_num_queries(0):
            assert find_places([]) == {}

    def test_only_what_a_worker_could_take_first_counts(
        self, alice: User, bob: User, mona: User, scripted: ModelVersion
    ) -> None:
        """One worker serves both versions, another only the second, a third one neither of them."""
        second, third = make_version("second"), make_version("third")
        ahead = queue_for(alice)[0]
        own = queue_for(bob, version=second)[0]
        lone = queue_for(mona, version=third)[0]
        assert [place_of(one).position for one in (ahead, own, lone)] == [1, 1, 1]
        serve(scripted, second, name="both")
        serve(second, name="one")
        serve(third, name="other")
        assert [place_of(one).position for one in (ahead, own, lone)] == [1, 2, 1]


class TestWait:
    def test_none_while_nothing_tells_how_long_an_answer_takes(self, alice: User, scripted: ModelVersion) -> None:
        waiting = queue_for(alice)[0]
        assert place_of(waiting).wait_seconds is None
        serve(scripted)
        assert place_of(waiting).wait_seconds is None
        took(8, waiting, is_cached=True)
        assert place_of(waiting).wait_seconds is None

    def test_it_is_that_of_the_route_over_the_slots_of_live_workers(
        self, alice: User, bob: User, scripted: ModelVersion
    ) -> None:
        Route.objects.create(name="slow", version=scripted)
        first, second = queue_for(alice), queue_for(bob, route_id="slow")
        serve(scripted, name="one", slots=2)
        serve(make_version("other"), name="elsewhere", slots=50)
        gone = serve(scripted, name="gone", slots=50)
        Worker.objects.filter(name=gone.name).update(seen_at=Now() - timedelta(seconds=20))
        took(10, first[0])
        assert [place_of(one).wait_seconds for one in (*first, *second)] == [5, 10]
        took(100, second[0])
        assert [place_of(one).wait_seconds for one in (*first, *second)] == [5, 100]

    def test_who_has_no_seat_waits_for_the_own_answers(
        self, alice: User, scripted: ModelVersion, settings: Any
    ) -> None:
        settings.USER_CONCURRENT_ANSWERS = 1
        running, waiting = queue_for(alice, 2)
        claim_any()
        serve(scripted, slots=100)
        took(10, running)
        assert place_of(waiting).wait_seconds == 10


class TestFaster:
    @pytest.fixture
    def small(self, scripted: ModelVersion) -> ModelVersion:
        """Free now, while the one worker of the route's own version is full."""
        big, small = make_version("big-7b"), make_version("small-1.5b")
        Route.objects.update(version=big)
        serve(big, name="full", slots=2, busy=2)
        serve(small, name="free", slots=2, busy=1)
        return small

    @pytest.mark.parametrize("part", ["fallback", "arm", "rule"])
    def test_a_smaller_version_of_the_route_that_is_free_is_named(
        self, alice: User, small: ModelVersion, part: str
    ) -> None:
        waiting = queue_for(alice)[0]
        assert place_of(waiting).faster == ""
        if part == "fallback":
            RouteFallback.objects.create(route_id=Route.DEFAULT, position=0, version=small)
        elif part == "arm":
            RouteArm.objects.create(route_id=Route.DEFAULT, version=small, starts_at=9_999, ends_at=10_000)
        else:
            RouteRule.objects.create(route_id=Route.DEFAULT, position=0, version=small, choice="fast")
        assert place_of(waiting).faster == "small-1.5b"

    @pytest.mark.parametrize("why", ["busy", "gone", "own free", "pinned", "outside", "no seat", "side work", "bigger"])
    def test_none_is_named_that_could_not_or_may_not(
        self, alice: User, small: ModelVersion, why: str, settings: Any
    ) -> None:
        waiting = queue_for(alice)[0]
        RouteFallback.objects.create(route_id=Route.DEFAULT, position=0, version=small)
        assert place_of(waiting).faster == "small-1.5b"
        free = Worker.objects.filter(name="free")

        def offer(version: ModelVersion) -> None:
            RouteFallback.objects.update(version=version)
            free.get().serves.set([version])

        match why:
            case "busy":
                free.update(busy=2)
            case "gone":
                free.update(seen_at=Now() - timedelta(seconds=20))
            case "own free":
                Worker.objects.update(busy=0)
            case "pinned":
                Generation.objects.update(version=ModelVersion.objects.get(name="big-7b"), is_pinned=True)
            case "outside":  # It waits for a version inside, so it stays inside.
                Route.objects.update(may_leave_company=True)
                offer(make_version("outside-1b", leaves=True))
            case "no seat":
                settings.USER_CONCURRENT_ANSWERS = 1
                queue_for(alice, created_at=Now() - timedelta(seconds=1))
            case "side work":
                RouteFallback.objects.all().delete()
                RouteRule.objects.create(route_id=Route.DEFAULT, position=0, version=small, task="title")
            case "bigger":
                offer(make_version("bigger-70b"))
        assert place_of(waiting).faster == ""

    def test_what_waits_goes_to_it_when_its_owner_says_so(
        self, alice: User, mallory: User, small: ModelVersion
    ) -> None:
        waiting = queue_for(alice)[0]
        RouteFallback.objects.create(route_id=Route.DEFAULT, position=0, version=small)
        with pytest.raises(ChatappError) as refused:
            services.switch_model(user=mallory, generation_id=waiting.id)
        assert refused.value.code == "not_found"
        switched = services.switch_model(user=alice, generation_id=waiting.id)
        assert (switched.version, switched.is_pinned, switched.status) == (small, True, Status.QUEUED)
        assert place_of(waiting).faster == ""
        claimed = claim_any()
        assert claimed is not None
        assert claimed.version == small

    def test_without_one_or_too_late_there_is_a_sentence(self, alice: User, small: ModelVersion) -> None:
        waiting = queue_for(alice)[0]
        with pytest.raises(ChatappError) as refused:
            services.switch_model(user=alice, generation_id=waiting.id)
        assert refused.value.code == "no_faster_model"
        claim_any()
        with pytest.raises(ChatappError) as late:
            services.switch_model(user=alice, generation_id=waiting.id)
        assert late.value.code == "not_waiting"


def test_the_deadline_is_counted_by_the_clock_of_the_database(
    alice: User, ask: Ask, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    """The web machine's clock is an hour ahead."""
    ahead = timedelta(hours=1)
    real = __import__("django.utils.timezone", fromlist=["now"]).now
    monkeypatch.setattr("django.utils.timezone.now", lambda: real() + ahead)
    asked = Generation.objects.get(id=ask(alice).id)
    assert asked.deadline_at - asked.created_at < timedelta(seconds=settings.ANSWER_DEADLINE_SECONDS + 60)
    assert asked.created_at < real() + timedelta(minutes=1)
    assert asked.message.created_at < real() + timedelta(minutes=1)
