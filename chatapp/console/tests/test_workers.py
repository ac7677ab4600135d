"""The page of workers: which need a person, why, and what to do."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from chatapp.inference.models import ModelVersion, Worker
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
    client = client_of("oscar")
    with django_assert_num_queries(8):  # session, user, workers, their three lists, problems, the queue
        page = client.get(PATH, headers={"HX-Request": "true"}).content.decode()
    assert len(conditions(page)) == 15
    assert "<html" not in page
