"""Workers and alerts over HTTP: read by operators, told what to do, hidden from all others."""

import json
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.api.tests.conftest import Api, assert_problem, send
from chatapp.conversations.tests.queueing import serve
from chatapp.evaluation.models import Alert
from chatapp.inference.models import Route, Worker, WorkerOrder
from tests.versions import make_version

pytestmark = pytest.mark.django_db

WORKERS, ALERTS = "/api/v1/workers", "/api/v1/alerts"


@pytest.fixture
def worker() -> Worker:
    version = make_version("big")
    Route.objects.create(name=Route.DEFAULT, version=version)
    return serve(version, name="inference@gpu:1")


@pytest.fixture
def alert() -> Alert:
    given = {"kind": "spike", "metric": "errors", "route": "default", "value": 0.5, "baseline": 0.01, "high": 0.1}
    return Alert.objects.create(answers=20, users=9, seen_at=timezone.now(), **given)


def post(client: Client, path: str, **body: Any) -> Any:
    return send(client, "POST", path, json.dumps(body))


def test_workers_are_listed_and_told_what_to_do(oscar: User, api: Api, worker: Worker) -> None:
    (listed,) = api(oscar).get(WORKERS).json()["items"]
    assert (listed["name"], listed["is_alive"], listed["figures"]) == (worker.name, True, None)
    refused = post(api(oscar), f"{WORKERS}/orders", worker=worker.name, kind="unload", version="big")
    assert_problem(refused, 409, "last_worker")
    ordered = post(api(oscar), f"{WORKERS}/orders", worker=worker.name, kind="drain", confirmed=True)
    assert (ordered.status_code, ordered.json()["state"]) == (202, "waiting")
    assert api(oscar).get(f"{WORKERS}/orders/{ordered.json()['id']}").json() == ordered.json()
    ejected = post(api(oscar), f"{WORKERS}/orders", worker=worker.name, kind="eject", confirmed=True)
    assert (ejected.status_code, ejected.json()["by"]) == (202, "oscar")


@pytest.mark.parametrize(
    "body, status, code",
    [
        ({"kind": "explode"}, 400, "invalid"),
        ({"kind": "drain", "worker": "nobody"}, 404, "not_found"),
        ({"kind": "drain", "worker": "a\0"}, 404, "not_found"),
        ({"kind": "load", "version": "nothing"}, 404, "model_unknown"),
        ({"kind": "load"}, 400, "invalid"),
    ],
)
def test_malformed_orders_change_nothing(
    oscar: User, api: Api, worker: Worker, body: dict[str, str], status: int, code: str
) -> None:
    assert_problem(post(api(oscar), f"{WORKERS}/orders", **{"worker": worker.name, **body}), status, code)
    assert WorkerOrder.objects.count() == 0


def test_alerts_are_listed_filtered_and_acknowledged(oscar: User, api: Api, alert: Alert) -> None:
    (listed,) = api(oscar).get(ALERTS).json()["items"]
    assert (listed["metric"], listed["version"], listed["acknowledged_by"]) == ("errors", None, None)
    assert api(oscar).get(f"{ALERTS}?state=closed").json()["items"] == []
    noted = post(api(oscar), f"{ALERTS}/{alert.id}/acknowledge", note="It is known.").json()
    assert (noted["acknowledged_by"], noted["note"], noted["closed_at"]) == ("oscar", "It is known.", None)
    assert api(oscar).get(f"{ALERTS}/{alert.id}").json() == noted


def test_strangers_see_and_change_nothing(mallory: User, api: Api, worker: Worker, alert: Alert) -> None:
    client = api(mallory)
    assert (client.get(WORKERS).json()["items"], client.get(ALERTS).json()["items"]) == ([], [])
    assert_problem(client.get(f"{ALERTS}/{alert.id}"), 404, "not_found")
    assert_problem(client.get(f"{WORKERS}/orders/{uuid4()}"), 404, "not_found")
    for path, body in (
        (f"{WORKERS}/orders", {"worker": worker.name, "kind": "drain", "confirmed": True}),
        (f"{ALERTS}/{alert.id}/acknowledge", {"note": "x"}),
    ):
        assert post(client, path, **body).status_code in {403, 404}
    alert.refresh_from_db()
    assert (WorkerOrder.objects.count(), alert.acknowledged_at) == (0, None)
