"""What operators tell a worker: drain, answer again, load, unload, leave."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from chatapp.accounts.models import AuditEvent, User
from chatapp.conversations import services
from chatapp.conversations.models import Generation, Status
from chatapp.conversations.streams.entries import stream_key
from chatapp.conversations.tests.conftest import Ask, Start
from chatapp.conversations.tests.queueing import serve
from chatapp.conversations.tests.waiting import until
from chatapp.conversations.workers.inference import InferenceWorker
from chatapp.conversations.workers.reporting import TokenRate
from chatapp.errors import ChatappError
from chatapp.inference.live_figures import load_figures
from chatapp.inference.models import ModelVersion, OrderKind, OrderState, Provider, Worker, WorkerOrder
from chatapp.inference.pool import EnginePool
from chatapp.inference.pool.loading import MakeRoom
from chatapp.inference.services import fail_orders, order_worker
from chatapp.inference.testing import ScriptedModel
from chatapp.redis import redis_client

pytestmark = pytest.mark.django_db(transaction=True)

Give = Callable[..., WorkerOrder]


def row(worker: InferenceWorker) -> Worker:
    return Worker.objects.get(name=worker.name)


def states() -> list[tuple[str, str]]:
    return [(order.kind, order.state) for order in WorkerOrder.objects.order_by("created_at")]


@pytest.fixture
def served(worker: InferenceWorker, scripted: ModelVersion) -> ModelVersion:
    """The worker has loaded the version and said so."""
    worker.pool.load(scripted).result(timeout=10)
    worker._reporter.report()
    return scripted


@pytest.fixture
def give(worker: InferenceWorker, served: ModelVersion, oscar: User) -> Give:
    def order(kind: OrderKind, version: ModelVersion | None = None) -> WorkerOrder:
        return order_worker(user=oscar, worker=row(worker), kind=kind, version=version, confirmed=True)

    return order


class TestDrain:
    def test_running_answers_finish_nothing_is_claimed_and_then_it_has_drained(
        self, alice: User, ask: Ask, worker: InferenceWorker, slot: Start, give: Give
    ) -> None:
        running = ask(alice, "rate=20 tokens=80")
        slot()
        until(lambda: worker.replies)
        give(OrderKind.DRAIN)
        worker.orders.look()
        waiting = ask(alice)
        worker.answer_all()
        assert states() == [("drain", "running")]
        assert row(worker).drained_at is None
        until(lambda: not worker.replies)
        worker.orders.look()
        assert Generation.objects.get(id=running.id).status == Status.COMPLETE
        assert Generation.objects.get(id=waiting.id).status == Status.QUEUED
        assert states() == [("drain", "done")]
        assert row(worker).drained_at is not None
        worker._reporter.report()
        assert row(worker).ready is False

    def test_it_is_undone_and_what_waits_is_answered(
        self, alice: User, ask: Ask, worker: InferenceWorker, give: Give
    ) -> None:
        give(OrderKind.DRAIN)
        worker.orders.look()
        waiting = ask(alice)
        give(OrderKind.RESUME)
        worker.orders.look()
        until(lambda: Generation.objects.get(id=waiting.id).status == Status.COMPLETE)
        assert (row(worker).is_draining, row(worker).drained_at) == (False, None)

    def test_a_worker_that_dies_meanwhile_fails_it_with_a_sentence(self, worker: InferenceWorker, give: Give) -> None:
        order = give(OrderKind.DRAIN)
        Worker.objects.update(seen_at=Now() - timedelta(seconds=16))
        assert fail_orders() == 1
        order.refresh_from_db()
        assert (order.state, "was not heard of any more" in order.result) == (OrderState.FAILED, True)
        assert fail_orders() == 0

    def test_one_whose_signal_and_order_were_lost_is_still_found_in_the_row(
        self, alice: User, ask: Ask, worker: InferenceWorker, served: ModelVersion
    ) -> None:
        Worker.objects.update(is_draining=True)
        worker.orders.look()
        ask(alice)
        worker.answer_all()
        assert Generation.objects.get().status == Status.QUEUED

    def test_one_that_has_ended_speaks_for_no_row_any_more(self, worker: InferenceWorker, served: ModelVersion) -> None:
        looking = threading.Thread(target=worker.orders.run)
        looking.start()
        worker.draining.set()
        Worker.objects.update(is_draining=True)
        worker.orders.signalled.set()
        looking.join(timeout=10)
        assert not looking.is_alive()
        assert row(worker).drained_at is None


class TestRights:
    def test_who_may_only_look_is_refused(self, worker: InferenceWorker, served: ModelVersion, alice: User) -> None:
        with pytest.raises(ChatappError) as caught:
            order_worker(user=alice, worker=row(worker), kind=OrderKind.DRAIN)
        assert (caught.value.code, WorkerOrder.objects.count()) == ("forbidden", 0)

    def test_the_last_worker_of_a_served_version_is_asked_about_first(
        self, worker: InferenceWorker, served: ModelVersion, oscar: User
    ) -> None:
        for kind, version in ((OrderKind.UNLOAD, served), (OrderKind.DRAIN, None)):
            with pytest.raises(ChatappError, match="No other worker can answer with scripted") as caught:
                order_worker(user=oscar, worker=row(worker), kind=kind, version=version)
            assert caught.value.code == "last_worker"
        serve(served, name="another")
        order_worker(user=oscar, worker=row(worker), kind=OrderKind.UNLOAD, version=served)
        assert states() == [("unload", "waiting")]

    @pytest.mark.parametrize("kind", [OrderKind.DRAIN, OrderKind.LOAD])
    def test_a_worker_that_is_gone_is_asked_nothing(
        self, worker: InferenceWorker, served: ModelVersion, oscar: User, kind: OrderKind
    ) -> None:
        Worker.objects.update(seen_at=Now() - timedelta(seconds=16))
        with pytest.raises(ChatappError) as caught:
            order_worker(user=oscar, worker=row(worker), kind=kind, version=None)
        assert caught.value.code == "worker_gone"

    def test_orders_that_make_no_sense_are_refused(
        self, worker: InferenceWorker, served: ModelVersion, oscar: User
    ) -> None:
        for kind, version in ((OrderKind.LOAD, None), (OrderKind.DRAIN, served), (OrderKind.RESUME, None)):
            with pytest.raises(ChatappError) as caught:
                order_worker(user=oscar, worker=row(worker), kind=kind, version=version)
            assert caught.value.code == "invalid"
        reader = Worker.objects.create(name="p", kind="pipeline", started_at=Now(), seen_at=Now(), ready=True)
        with pytest.raises(ChatappError, match="only inference workers"):
            order_worker(user=oscar, worker=reader, kind=OrderKind.DRAIN)


class TestModels:
    def test_a_version_is_unloaded_and_loaded_again(
        self, alice: User, ask: Ask, worker: InferenceWorker, served: ModelVersion, give: Give
    ) -> None:
        give(OrderKind.UNLOAD, served)
        worker.orders.look()
        until(lambda: served.id not in worker.pool.loaded())
        worker.orders.look()
        ask(alice)
        worker.answer_all()
        assert (states(), Generation.objects.get().status) == ([("unload", "done")], Status.QUEUED)
        give(OrderKind.LOAD, served)
        worker.orders.look()
        until(lambda: served.id in worker.pool.loaded())
        worker.orders.look()
        worker.answer_all()
        assert (states()[1], Generation.objects.get().status) == (("load", "done"), Status.COMPLETE)

    def test_a_load_that_fails_says_why(self, worker: InferenceWorker, give: Give) -> None:
        broken = ModelVersion.objects.create(
            name="broken", provider=Provider.LLAMA_CPP, sha256="0" * 64, context_tokens=512
        )
        order = give(OrderKind.LOAD, broken)
        worker.orders.look()
        until(lambda: not worker.pool.loading())
        worker.orders.look()
        order.refresh_from_db()
        assert (order.state, order.result.startswith("broken was not loaded: ")) == (OrderState.FAILED, True)

    def test_the_same_order_twice_is_one(self, worker: InferenceWorker, served: ModelVersion, give: Give) -> None:
        assert give(OrderKind.LOAD, served).pk == give(OrderKind.LOAD, served).pk
        assert AuditEvent.objects.filter(action="inference.worker_ordered").count() == 1

    def test_a_later_order_overrules_its_opposite(
        self, worker: InferenceWorker, served: ModelVersion, give: Give
    ) -> None:
        give(OrderKind.LOAD, served)
        give(OrderKind.UNLOAD, served)
        assert states() == [("load", "failed"), ("unload", "waiting")]


class TestEject:
    @pytest.fixture(autouse=True)
    def _stays_alive(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("chatapp.conversations.workers.orders._end_process", lambda: None)

    def test_the_answer_of_a_hung_worker_is_given_up_and_asked_again_elsewhere(
        self, alice: User, oscar: User, ask: Ask, worker: InferenceWorker, served: ModelVersion
    ) -> None:
        ask(alice)
        generation = worker._claim()
        assert generation is not None
        worker.flusher.writer(generation.id, generation.attempt).fence()
        until(lambda: redis_client().exists(stream_key(generation.id)))
        serve(served, name="another")
        with pytest.raises(ChatappError, match="1 answer is being written there"):
            services.eject_worker(user=oscar, worker=row(worker))
        assert row(worker).ejected_at is None
        services.eject_worker(user=oscar, worker=row(worker), confirmed=True)
        held = services.renew_leases([services.Checkpoint(generation, None, 0, None)])
        assert held == {generation.id: None}
        assert services.sweep_generations() >= 1
        assert Generation.objects.get().status == Status.QUEUED

    def test_one_that_lives_lets_go_of_all_and_claims_nothing(
        self, alice: User, oscar: User, ask: Ask, worker: InferenceWorker, slot: Start, served: ModelVersion
    ) -> None:
        ask(alice, "rate=40 tokens=5000")
        thread = slot()
        until(lambda: Generation.objects.get().first_token_at)
        services.eject_worker(user=oscar, worker=row(worker), confirmed=True)
        worker.orders.look()
        thread.join(timeout=20)
        services.sweep_generations()
        assert Generation.objects.get().status == Status.INTERRUPTED
        assert states() == [("eject", "done")]
        ask(alice)
        worker.answer_all()
        assert Generation.objects.filter(status=Status.QUEUED).count() == 1

    def test_one_that_is_gone_already_is_ejected_too(
        self, oscar: User, worker: InferenceWorker, served: ModelVersion
    ) -> None:
        Worker.objects.update(seen_at=Now() - timedelta(seconds=16))
        order = services.eject_worker(user=oscar, worker=row(worker))
        fail_orders()
        order.refresh_from_db()
        assert (order.state, row(worker).ejected_at is not None) == (OrderState.DONE, True)

    def test_during_a_load_the_load_is_over(
        self, oscar: User, worker: InferenceWorker, scripted: ModelVersion, served: ModelVersion
    ) -> None:
        opened = threading.Event()

        def load(version: ModelVersion, *, make_room: MakeRoom) -> Any:
            opened.wait(timeout=30)
            return ScriptedModel()

        worker.pool.close()
        worker.pool = worker.problems._pool = EnginePool(load=load)
        other = ModelVersion.objects.create(name="other", provider=Provider.SCRIPTED, context_tokens=1000)
        order_worker(user=oscar, worker=row(worker), kind=OrderKind.LOAD, version=other)
        worker.orders.look()
        services.eject_worker(user=oscar, worker=row(worker), confirmed=True)
        assert states() == [("load", "failed"), ("eject", "waiting")]
        worker.orders.look()
        opened.set()
        until(lambda: not worker.pool.loading())
        worker.orders.look()
        assert states() == [("load", "failed"), ("eject", "done")]


def test_live_figures_are_in_redis_and_go_with_the_worker(
    alice: User, ask: Ask, worker: InferenceWorker, served: ModelVersion
) -> None:
    ask(alice, "rate=2000 tokens=50")
    worker.answer_all()
    worker._reporter.report()
    found = load_figures([worker.name, "nobody"])
    assert found is not None
    figures = found[worker.name]
    assert (list(found), [model.version for model in figures.models]) == ([worker.name], [str(served.id)])
    assert figures.tokens_per_second > 0
    cpu = figures.devices[0]
    assert (cpu.kind, 0 < cpu.own <= cpu.total, cpu.used > 0) == ("cpu", True, True)
    worker.close()
    assert load_figures([worker.name]) == {}


def test_without_redis_the_heartbeat_goes_on_and_figures_are_unknown(
    worker: InferenceWorker, served: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> Any:
        raise OSError

    monkeypatch.setattr("chatapp.inference.live_figures._execute", lambda _pipeline: fail())
    worker._reporter.report()
    assert load_figures([worker.name]) is None
    assert row(worker).ready


def test_the_rate_of_tokens_is_that_of_the_last_minute_and_of_new_engines_too() -> None:
    rate, model = TokenRate(), ModelVersion().id
    assert rate.take({model: 1000}, now=0.0) == 0.0  # Written before anybody counted.
    assert rate.take({model: 1300}, now=30.0) == 10.0
    assert rate.take({model: 200}, now=60.0) == pytest.approx(500 / 60)
    assert rate.take({}, now=91.0) == pytest.approx(200 / 60)
