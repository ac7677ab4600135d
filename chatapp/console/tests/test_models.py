"""The page of versions: what each is, where its text goes, how it stands on each worker and how it did today."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from chatapp.console.selectors import day_figures_for
from chatapp.inference.models import AnswerOutcome, Endpoint, ModelVersion, Worker
from chatapp.inference.services import report_problem, set_serving_version
from tests.people import make_person

pytestmark = pytest.mark.django_db

ClientOf = Callable[[str], Client]


def make_version(name: str, **fields: Any) -> ModelVersion:
    return ModelVersion.objects.create(
        name=name, **{"provider": "scripted", "context_tokens": 4096, "state": "evaluated", **fields}
    )


def make_worker(name: str, *, seen_ago: float = 0, **fields: Any) -> Worker:
    seen = timezone.now() - timedelta(seconds=seen_ago)
    return Worker.objects.create(name=name, kind="inference", started_at=seen, seen_at=seen, ready=True, **fields)


def make_outcome(version: ModelVersion, *, age: timedelta = timedelta(0), **fields: Any) -> None:
    row = AnswerOutcome.objects.create(generation_id=uuid4(), version=version, **{"status": "complete", **fields})
    AnswerOutcome.objects.filter(pk=row.pk).update(created_at=timezone.now() - age)


def states(page: str) -> list[str]:
    return re.findall(r'data-testid="version-state" data-state="([a-z]+)"', page)


def text_of(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_each_row_says_what_the_version_is_and_where_text_goes(client_of: ClientOf) -> None:
    make_version("own", provider="llama_cpp", sha256="ab" * 32, quantization="Q4_K_M", engine_options={"slots": 4})
    external = make_version(
        "far", provider="openai_compatible", preset="openai", external_model="gpt-x", may_leave_company=True,
        prompt_price="0.15", completion_price="0.6", context_tokens=128_000,
    )  # fmt: skip
    Endpoint.objects.create(version=external, url="https://models.example/v1", key="sk-secret-of-the-company")
    page = client_of("oscar").get("/console/models/").content.decode()
    for words in (
        "Leaves the company", "0.15 in, 0.60 out a million tokens", "128,000", "https://models.example/v1", "gpt-x",
        "Stays inside", "No price", "ab" * 32, "Q4_K_M", "{&quot;slots&quot;: 4}",
    ):  # fmt: skip
        assert words in text_of(page)
    assert "sk-secret" not in page


def test_the_state_on_each_worker_is_told_with_the_reason(client_of: ClientOf) -> None:
    version = make_version("own", provider="llama_cpp", sha256="ab" * 32)
    loaded, loading, able, broken = (make_worker(f"inference@gpu-{n}:1") for n in range(4))
    loaded.loaded.set([version])
    loading.loading.set([version])
    able.serves.set([version])
    broken.serves.set([version])
    report_problem(version=version, worker=broken.name, reason="the self-test crashed")
    make_worker("inference@gpu-5:1")
    gone = make_worker("inference@gone:1", seen_ago=60)
    gone.loaded.set([version])
    page = client_of("oscar").get("/console/models/").content.decode()
    assert states(page) == ["loaded"]
    for words in (
        "Loaded inference@gpu-0:1", "Loading inference@gpu-1:1", "Loads when asked inference@gpu-2:1",
        "Cannot answer inference@gpu-3:1 the self-test crashed", "Not here inference@gpu-5:1 The weights are not on",
    ):  # fmt: skip
        assert words in text_of(page)
    assert "inference@gone:1" not in page


def test_workers_in_the_same_state_share_a_line(client_of: ClientOf) -> None:
    version = make_version("far", provider="openai_compatible")
    for number in range(5):
        make_worker(f"inference@gpu-{number}:1").serves.set([version])
    page = text_of(client_of("oscar").get("/console/models/").content.decode())
    assert "Can answer inference@gpu-0:1, inference@gpu-1:1, inference@gpu-2:1 and 2 more" in page


def test_without_a_worker_the_page_says_that_questions_wait(client_of: ClientOf) -> None:
    make_version("own")
    page = client_of("oscar").get("/console/models/").content.decode()
    assert states(page) == ["nobody"]
    assert "No inference worker is alive; questions wait." in text_of(page)


def test_the_figures_are_those_of_the_last_day() -> None:
    version, oscar = make_version("busy"), make_person("oscar")
    make_version("idle")
    for tenths in range(1, 12):
        make_outcome(version, first_token_seconds=tenths / 10)
    make_outcome(version, status="failed")
    make_outcome(version, status="stopped", first_token_seconds=0.6)
    make_outcome(version, is_cached=True, first_token_seconds=0.0)
    make_outcome(version, age=timedelta(hours=25), status="failed", first_token_seconds=99.0)
    found = day_figures_for(oscar)
    assert found.keys() == {version.id}
    assert (found[version.id].answers, found[version.id].failed) == (14, 1)
    assert found[version.id].first_token_median == pytest.approx(0.6)
    assert found[version.id].first_token_p95 == pytest.approx(1.045)
    assert day_figures_for(make_person("alice")) == {}


def test_a_poll_brings_the_states_alone_and_reads_no_outcome(
    client_of: ClientOf, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(12):
        make_version(f"v{number}")
    make_worker("inference@gpu-1:1").serves.set(ModelVersion.objects.all())
    client = client_of("oscar")
    with django_assert_num_queries(9):  # session, user, versions, downloads, workers, their three lists, problems
        page = client.get("/console/models/states/", headers={"HX-Request": "true"}).content.decode()
    assert states(page) == ["ready"] * 12
    assert page.count('hx-swap-oob="outerMorph"') == 24  # its life, and how it stands on the workers
    assert "<html" not in page


def test_the_list_ends_at_a_hundred_and_keeps_the_serving_one(client_of: ClientOf) -> None:
    serving = make_version("first")
    set_serving_version(user=None, version=serving)
    for number in range(101):
        make_version(f"v{number}")
    page = client_of("oscar").get("/console/models/").content.decode()
    assert len(states(page)) == 100
    assert page.index('data-version="first"') < page.index('data-version="v100"')
    assert 'data-version="v0"' not in page


@pytest.mark.parametrize("name,status", [("alice", 404), ("mallory", 404), ("mona", 403), ("oscar", 200)])
def test_only_operators_poll(client_of: ClientOf, name: str, status: int) -> None:
    assert client_of(name).get("/console/models/states/").status_code == status
