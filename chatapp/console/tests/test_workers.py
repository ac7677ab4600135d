"""The page of workers: which need a person, why, and what to do."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from chatapp.inference.live_figures import LiveFigures, ModelFigures, store_figures
from chatapp.inference.machine import DeviceFigures
from chatapp.inference.models import ModelVersion, Route, Worker, WorkerOrder
from chatapp.inference.services import report_problem

pytestmark = pytest.mark.django_db

ClientOf = Callable[[str], Client]
PATH = "/console/workers/"


def make_worker(name: str, *, seen_ago: float = 0, **fields: Any) -> Worker:
    now = timezone.now()
    times = {"started_at": now - timedelta(hours=7), "seen_at": now - timedelta(seconds=seen_ago)}
    return Worker.objects.create(name=name, **{"kind": "inference", "ready": True, **times, **fields})


def conditions(page: str) -> list[str]:
    return re.findall(r'data-testid="worker-row" data-alive="(?:true|false)" data-condition="([a-z]+)"', page)


def text_of(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_what_needs_a_person_comes_first_and_each_says_what_to_do(client_of: ClientOf) -> None:
    large, small = (
        ModelVersion.objects.create(name=name, provider="scripted", context_tokens=4096) for name in ("large", "small")
    )
    make_worker("inference@gone:1", seen_ago=60, slots=8, busy=8)
    ready = make_worker("inference@ready:1", slots=4, busy=3)
    ready.loaded.set([large])
    ready.serves.set([large, small])
    make_worker("pipeline@starting:1", kind="pipeline", ready=False)
    make_worker("inference@partly:1", slots=4)
    make_worker("inference@broken:1", ready=False, problem="The database has no table of versions.")
    report_problem(version=small, worker="inference@partly:1", reason="it needs 9.1 GB and 4.0 GB are free")
    page = client_of("oscar").get(PATH).content.decode()
    assert conditions(page) == ["problem", "partly", "starting", "ready", "gone"]
    for words in (
        "Inference workers ready 2 of 3", "Slots busy 3 of 8", "Questions waiting 0",
        "The database has no table of versions. It answers nothing until this is solved.",
        "small cannot answer: it needs 9.1 GB and 4.0 GB are free · just now Other versions still answer here.",
        "read log/pipeline.log", "Loaded large Loads when asked small", "Started 7 h ago",
    ):  # fmt: skip
        assert words in text_of(page)


def test_a_version_that_loads_is_named_as_such(client_of: ClientOf) -> None:
    version = ModelVersion.objects.create(name="large", provider="scripted", context_tokens=4096)
    worker = make_worker("inference@gpu:1", ready=False)
    worker.loading.set([version])
    worker.serves.set([version])
    page = client_of("oscar").get(PATH).content.decode()
    assert "Loading large" in text_of(page)
    assert "Loads when asked" not in page


def test_without_a_worker_the_page_says_what_to_start(client_of: ClientOf) -> None:
    assert "No worker has reported" in client_of("oscar").get(PATH).content.decode()


def test_markup_in_a_reason_is_inert(client_of: ClientOf) -> None:
    version = ModelVersion.objects.create(name="large", provider="scripted", context_tokens=4096)
    make_worker("inference@gpu:1", problem="<script>alert(1)</script>")
    report_problem(version=version, worker="inference@gpu:1", reason="<img src=x onerror=alert(1)>")
    for path in (PATH, "/console/models/"):
        page = client_of("oscar").get(path).content.decode()
        assert "<script>alert" not in page
        assert "<img src=x" not in page


def test_a_poll_brings_the_section_alone_in_the_same_number_of_queries(
    client_of: ClientOf, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    version = ModelVersion.objects.create(name="large", provider="scripted", context_tokens=4096)
    for number in range(15):
        make_worker(f"inference@gpu-{number}:1").loaded.set([version])
        WorkerOrder.objects.create(worker=f"inference@gpu-{number}:1", kind="drain", deadline=timezone.now())
    client = client_of("oscar")
    # Session, user, workers and their three lists, problems, orders, what waits and runs, who alone serves, the queue.
    with django_assert_num_queries(15):
        page = client.get(PATH, headers={"HX-Request": "true"}).content.decode()
    assert len(conditions(page)) == 15
    assert "<html" not in page


class TestOrders:
    @pytest.fixture
    def served(self) -> ModelVersion:
        version = ModelVersion.objects.create(name="large", provider="scripted", context_tokens=4096)
        Route.objects.create(name=Route.DEFAULT, version=version)
        worker = make_worker("inference@gpu:1", slots=4)
        worker.loaded.set([version])
        worker.serves.set([version])
        return version

    def post(self, client: Client, **given: str) -> Any:
        return client.post(f"{PATH}order/", {"worker": "inference@gpu:1", **given}, headers={"HX-Request": "true"})

    def test_each_action_asks_and_says_what_it_takes_from_everybody(
        self, client_of: ClientOf, served: ModelVersion
    ) -> None:
        page = client_of("oscar").get(PATH).content.decode()
        asked = re.findall(r'hx-confirm="([^"]+)"', page)
        assert [words.split("?")[0] for words in asked] == [
            "Drain inference@gpu:1", "Eject inference@gpu:1", "Unload large on inference@gpu:1",
            "Load this version on that worker",
        ]  # fmt: skip
        assert all("No other worker can answer with large." in words for words in asked[:3])
        make_worker("inference@gpu:2").serves.set([served])
        assert "No other worker" not in client_of("oscar").get(PATH).content.decode()

    def test_a_drain_is_ordered_said_and_shown(self, client_of: ClientOf, served: ModelVersion) -> None:
        answer = self.post(client_of("oscar"), kind="drain", confirmed="1")
        page = answer.content.decode()
        assert (answer.status_code, conditions(page)) == (200, ["draining"])
        assert "inference@gpu:1 claims nothing more." in text_of(page)
        assert 'data-testid="worker-resume"' in page
        assert 'data-testid="worker-order" data-state="waiting"' in page

    def test_what_nobody_confirmed_is_refused_with_what_it_means(
        self, client_of: ClientOf, served: ModelVersion
    ) -> None:
        answer = self.post(client_of("oscar"), kind="unload", version=str(served.id))
        assert answer.status_code == 409
        assert "No other worker can answer with large." in answer.content.decode()
        assert WorkerOrder.objects.count() == 0

    def test_an_ejected_worker_offers_nothing_more(self, client_of: ClientOf, served: ModelVersion) -> None:
        page = self.post(client_of("oscar"), kind="eject", confirmed="1").content.decode()
        assert conditions(page) == ["ejected"]
        assert 'data-testid="worker-eject"' not in page

    @pytest.mark.parametrize(
        "given, status",
        [
            ({"kind": "explode"}, 400),
            ({"kind": "load"}, 400),
            ({"kind": "drain", "worker": "nobody"}, 404),
            ({"kind": "drain", "worker": "a\0b"}, 404),
            ({"kind": "load", "version": "x"}, 404),
            ({"kind": "load", "version": "0" * 32}, 404),
            ({"kind": "resume"}, 400),
        ],
    )
    def test_malformed_orders_change_nothing(
        self, client_of: ClientOf, served: ModelVersion, given: dict[str, str], status: int
    ) -> None:
        assert self.post(client_of("oscar"), **given).status_code == status
        assert WorkerOrder.objects.count() == 0

    @pytest.mark.parametrize("name, status", [("mallory", 404), ("mona", 403)])
    def test_strangers_order_nothing(self, client_of: ClientOf, served: ModelVersion, name: str, status: int) -> None:
        assert self.post(client_of(name), kind="drain", confirmed="1").status_code == status
        assert self.post(Client(), kind="drain").status_code == 302
        assert WorkerOrder.objects.count() == 0


def test_live_figures_come_from_redis(client_of: ClientOf) -> None:
    version = ModelVersion.objects.create(name="large", provider="scripted", context_tokens=4096, quantization="Q4_K_M")
    worker = make_worker("inference@figures:1", slots=4, host="gpu-7", pid=1, release="0.1.0")
    worker.loaded.set([version])
    store_figures(
        worker.name,
        LiveFigures(
            busy=3,
            slots=4,
            tokens_per_second=41.5,
            devices=[
                DeviceFigures("cpu", 0, "Some CPU, 2 cores", total=16 * 10**9, free=4 * 10**9, own=10**9),
                DeviceFigures("gpu", 1, "Some GPU", total=80 * 10**9, free=20 * 10**9),
            ],
            models=[ModelFigures(str(version.id), running=3, waiting=2, host_bytes=10**9, device_bytes=5 * 10**9)],
        ),
    )
    page = text_of(client_of("oscar").get(PATH).content.decode())
    for words in (
        "Slots busy 3 of 4", "Tokens a second 41.5", "large Q4_K_M · 3 in use · 2 wait in the engine",
        "about 1.0 GB of memory and 5.0 GB of the GPU", "GPU 1 Some GPU 60.0 GB of 80.0 GB used, 20.0 GB free",
        "CPU Some CPU, 2 cores 1.0 GB this process, 12.0 GB of 16.0 GB used", "Machine gpu-7, process 1",
    ):  # fmt: skip
        assert words in page


def test_without_redis_the_page_says_that_figures_are_missing(
    client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_worker("inference@gpu:1")
    monkeypatch.setattr("chatapp.console.read_models.workers.load_figures", lambda _names: None)
    assert "Redis does not answer" in client_of("oscar").get(PATH).content.decode()


def test_the_list_is_filtered_by_kind_state_and_version(client_of: ClientOf) -> None:
    version = ModelVersion.objects.create(name="large", provider="scripted", context_tokens=4096)
    make_worker("inference@a:1").loaded.set([version])
    make_worker("inference@b:1", seen_ago=60)
    make_worker("pipeline@a:1", kind="pipeline")
    client = client_of("oscar")
    found = {query: conditions(client.get(PATH + query).content.decode()) for query in (
        "?kind=pipeline", "?state=gone", "?version=LAR", "?state=problem",
    )}  # fmt: skip
    assert list(found.values()) == [["ready"], ["gone"], ["ready"], []]
    assert f'hx-get="{PATH}?kind=pipeline"' in client.get(f"{PATH}?kind=pipeline").content.decode()
