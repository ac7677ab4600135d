import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from chatapp import health
from chatapp.accounts.models import User
from chatapp.health import Readiness
from chatapp.inference.models import Worker, WorkerKind
from chatapp.retrieval.models import Collection, Document, DocumentStatus
from chatapp.runtime.instance import Instance

METRICS = {
    *("chatapp_generation_ttft_seconds", "chatapp_generation_duration_seconds", "chatapp_generation_tokens"),
    *("chatapp_generations", "chatapp_queue_depth", "chatapp_queue_wait_seconds", "chatapp_engine_slots"),
    *("chatapp_engine_step_seconds", "chatapp_engine_batch_tokens", "chatapp_engine_prefix_reused_tokens"),
    *("chatapp_retrieval_seconds", "chatapp_ingestion_documents", "chatapp_moderation_verdicts"),
    *("chatapp_stream_readers", "chatapp_stream_lag_seconds", "chatapp_faults"),
}


@pytest.fixture(autouse=True)
def _asked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_readiness", Readiness())


def report(kind: WorkerKind, **state: Any) -> None:
    now = timezone.now()
    defaults = {"kind": kind, "ready": True, "started_at": now, "seen_at": now, "slots": 4}
    Worker.objects.update_or_create(name=kind, defaults={**defaults, **state})


def ask() -> tuple[int, dict[str, str]]:
    response = Client().get("/readyz")
    return response.status_code, response.json()["parts"]


def test_livez_asks_nothing() -> None:
    assert Client().get("/livez").status_code == 200


@pytest.mark.django_db
def test_readyz_names_what_is_missing() -> None:
    status, parts = ask()
    assert status == 503
    assert {name for name, state in parts.items() if state != "ok"} == {"inference", "embedder"}


@pytest.mark.django_db
def test_readyz_is_ok_with_both_kinds_of_workers() -> None:
    report(WorkerKind.INFERENCE)
    report(WorkerKind.PIPELINE)
    assert ask() == (200, dict.fromkeys(["database", "broker", "migrations", "inference", "embedder"], "ok"))


@pytest.mark.django_db
@pytest.mark.parametrize("state", [{"ready": False}, {"seen_at": timezone.now() - timedelta(minutes=1)}])
def test_a_loading_or_silent_worker_does_not_count(state: dict[str, Any]) -> None:
    report(WorkerKind.INFERENCE, **state)
    report(WorkerKind.PIPELINE)
    status, parts = ask()
    assert status == 503
    assert "model" in parts["inference"]


@pytest.mark.django_db
def test_readyz_asks_at_most_once_a_second(django_assert_num_queries: Any) -> None:
    ask()
    with django_assert_num_queries(0):
        ask()


@pytest.mark.django_db
def test_the_demo_waits_for_its_documents_once(monkeypatch: pytest.MonkeyPatch, alice: User) -> None:
    instance = Instance(
        pid=1, port=1, database_url="", redis_url="", secret_key="", field_encryption_keys=(), demo=True, processes={}
    )
    monkeypatch.setattr(health, "read_instance", lambda: instance)
    monkeypatch.setattr(health, "_CACHE_SECONDS", 0.0)
    collection = Collection.objects.create(slug="handbook", name="Handbook")
    document = Document.objects.create(collection=collection, name="a.md", status=DocumentStatus.PROCESSING)
    assert ask()[1]["demo"] != "ok"
    Document.objects.filter(pk=document.pk).update(status=DocumentStatus.FAILED)
    assert ask()[1]["demo"] == "ok"
    Document.objects.create(collection=collection, name="b.md")
    assert ask()[1]["demo"] == "ok"


@pytest.mark.django_db
def test_a_broker_that_is_down_is_named_without_its_address(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from redis import Redis

    monkeypatch.setattr(health, "redis_client", lambda: Redis(port=9, socket_connect_timeout=1))
    status, parts = ask()
    assert (status, parts["broker"]) == (503, "the broker does not answer")


@pytest.mark.django_db
def test_metrics_have_the_names_that_dashboards_use() -> None:
    report(WorkerKind.INFERENCE, slots=4, busy=1)
    families = {
        family.name: family for family in text_string_to_metric_families(Client().get("/metrics").content.decode())
    }
    assert set(families) >= METRICS
    slots = {sample.labels["state"]: sample.value for sample in families["chatapp_engine_slots"].samples}
    assert slots == {"busy": 1, "free": 3}
    assert families["chatapp_queue_depth"].samples[0].labels == {"route": "default"}


@pytest.mark.django_db
def test_metrics_speak_for_all_processes_and_forget_the_gauges_of_ended_ones(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    program = (
        "from chatapp.retrieval.metrics import INGESTION_DOCUMENTS as d; d.labels(status='ready').inc(3);"
        "from chatapp.conversations.metrics import STREAM_READERS as r; r.inc(7)"
    )
    for _ in range(2):
        subprocess.run([sys.executable, "-c", program], check=True)
    families = {f.name: f for f in text_string_to_metric_families(Client().get("/metrics").content.decode())}
    assert families["chatapp_ingestion_documents"].samples[0].value == 6
    assert "chatapp_stream_readers" not in families
    assert "chatapp_queue_depth" in families


@pytest.mark.django_db
@pytest.mark.parametrize(
    "peer,headers,status",
    [
        ("127.0.0.1", {}, 200),
        ("10.1.2.3", {}, 200),
        ("::1", {}, 200),
        ("::ffff:10.1.2.3", {}, 200),
        ("::ffff:203.0.113.7", {}, 403),
        ("203.0.113.7", {}, 403),
        ("203.0.113.7", {"X-Forwarded-For": "10.0.0.1"}, 403),
        ("10.1.2.3", {"X-Forwarded-For": "203.0.113.7"}, 403),
        ("10.1.2.3", {"Forwarded": "for=203.0.113.7"}, 403),
        ("", {}, 403),
        ("203.0.113.7", {"Authorization": "Bearer the-token"}, 200),
        ("203.0.113.7", {"Authorization": "Bearer wrong"}, 403),
        ("203.0.113.7", {"Authorization": "Bearer "}, 403),
    ],
)
def test_metrics_are_for_monitoring_only(settings: Any, peer: str, headers: dict[str, str], status: int) -> None:
    settings.METRICS_TOKEN = "the-token"
    assert Client().get("/metrics", headers=headers, REMOTE_ADDR=peer).status_code == status


@pytest.mark.django_db
def test_without_a_token_an_empty_one_opens_nothing(settings: Any) -> None:
    settings.METRICS_TOKEN = ""
    response = Client().get("/metrics", headers={"Authorization": "Bearer "}, REMOTE_ADDR="203.0.113.7")
    assert response.status_code == 403
