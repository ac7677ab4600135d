from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from chatapp.accounts.models import AuditEvent, User
from chatapp.errors import ChatappError
from chatapp.inference import selectors, services
from chatapp.inference.models import AnswerOutcome, ModelVersion, Route, Worker
from tests.people import make_person

pytestmark = pytest.mark.django_db

GIVEN: dict[str, Any] = {
    "name": "qwen-1.5b",
    "provider": "llama_cpp",
    "sha256": "ab" * 32,
    "sources": [{"kind": "hugging_face", "repository": "some/model", "file": "q4.gguf", "revision": "main"}],
    "quantization": "Q4_K_M",
    "licence": "Apache-2.0",
    "context_tokens": 4096,
    "system_prompt": "Be brief.",
    "sampling": {"temperature": 0.2, "top_k": 40, "seed": 7},
}


def register(user: User | None = None, **changes: Any) -> ModelVersion:
    return services.register_version(user=user, **{**GIVEN, **changes})


def outcome(version: ModelVersion, **changes: Any) -> dict[str, Any]:
    return {
        "generation_id": uuid4(),
        "user_id": None,
        "version_id": version.id,
        "status": "complete",
        "prompt_tokens": 10,
        "completion_tokens": 20,
        "first_token_seconds": 0.5,
        "duration_seconds": 2.0,
        "sources": 3,
        "cited": 1,
        "flags": 0,
        **changes,
    }


def test_a_registered_version_holds_what_was_given_and_serves_nobody(oscar: User) -> None:
    version = register(oscar)
    assert {name: getattr(version, name) for name in GIVEN} == GIVEN
    assert version.created_by == oscar
    assert selectors.serving_version() is None
    assert AuditEvent.objects.get().action == "inference.version_registered"


def test_a_name_is_given_once(oscar: User) -> None:
    register()
    with pytest.raises(ChatappError) as refused:
        register(oscar, sha256="cd" * 32)
    assert refused.value.code == "exists"
    assert selectors.get_version_by_name("qwen-1.5b").sha256 == "ab" * 32


@pytest.mark.parametrize(
    "change,words",
    [
        ({"name": ""}, "name must be"),
        ({"name": "a b"}, "name must be"),
        ({"name": "a\n"}, "name must be"),
        ({"name": "x" * 101}, "name must be"),
        ({"name": None}, "name must be"),
        ({"provider": "magic"}, "provider must be one of"),
        ({"sha256": "", "sources": []}, "needs the sha256"),
        ({"sha256": "AB" * 32}, "sha256 must be"),
        ({"sha256": 7}, "sha256 must be"),
        ({"context_tokens": 0}, "context_tokens must be"),
        ({"context_tokens": True}, "context_tokens must be"),
        ({"context_tokens": "4096"}, "context_tokens must be"),
        ({"context_tokens": 10**9}, "context_tokens must be"),
        ({"quantization": "Q" * 33}, "quantization must be"),
        ({"licence": None}, "licence must be"),
        ({"description": "\0"}, "description must be"),
        ({"system_prompt": "x" * 20_001}, "system_prompt must be"),
        ({"sources": ["hub"]}, "sources must be"),
        ({"sources": [{}] * 11}, "sources must be"),
        ({"sampling": ["hot"]}, "sampling must be an object"),
        ({"sampling": {"temperature": 9}}, "temperature is a number"),
        ({"sampling": {"heat": 1}}, "heat is not a sampling parameter"),
    ],
)
def test_a_wrong_version_is_refused_with_a_sentence(oscar: User, change: dict[str, Any], words: str) -> None:
    with pytest.raises(ChatappError, match=words) as refused:
        register(oscar, **change)
    assert refused.value.code == "invalid"
    assert not ModelVersion.objects.exists()


def test_a_version_cannot_be_changed_in_the_database(oscar: User) -> None:
    version = register(oscar)
    with pytest.raises(IntegrityError, match="immutable"), transaction.atomic():
        ModelVersion.objects.filter(id=version.id).update(system_prompt="Be rude.")
    oscar.delete()
    version.refresh_from_db()
    assert (version.created_by, version.system_prompt) == (None, "Be brief.")


def test_the_route_follows_the_last_choice(oscar: User) -> None:
    first, second = register(), register(name="qwen-0.5b")
    services.set_serving_version(user=None, version=first)
    route = services.set_serving_version(user=oscar, version=second)
    assert (route.name, route.updated_by, selectors.serving_version()) == ("default", oscar, second)
    assert [version.name for version in selectors.list_chat_versions()] == ["qwen-0.5b", "qwen-1.5b"]
    served = AuditEvent.objects.filter(actor=oscar, action="inference.version_served")
    event = served.get()
    assert event.detail == {"route": "default", "from": "qwen-1.5b", "to": "qwen-0.5b"}
    services.set_serving_version(user=oscar, version=second)
    assert served.count() == 1


@pytest.mark.parametrize("name", ["alice", "mallory", "mona"])
def test_those_who_do_not_operate_models_see_and_change_nothing(name: str) -> None:
    user, version = make_person(name), register()
    Worker.objects.create(name="w", kind="inference", started_at=timezone.now(), seen_at=timezone.now())
    assert not selectors.list_versions_for(user)
    assert not selectors.list_workers_for(user)
    with pytest.raises(ChatappError) as hidden:
        selectors.get_version_for(user, version.id)
    with pytest.raises(ChatappError) as refused:
        register(user, name="mine")
    with pytest.raises(ChatappError) as not_served:
        services.set_serving_version(user=user, version=version)
    assert (hidden.value.code, refused.value.code, not_served.value.code) == ("not_found", "forbidden", "forbidden")
    assert not Route.objects.exists()
    assert ModelVersion.objects.count() == 1


@pytest.mark.parametrize("name", ["nothing", "", "a\0b", "x" * 5000])
def test_an_unknown_name_is_said_so(name: str) -> None:
    with pytest.raises(ChatappError) as refused:
        selectors.get_version_by_name(name)
    assert refused.value.code == "model_unknown"
    assert len(refused.value.message) < 200


def test_an_outcome_is_recorded_once(alice: User) -> None:
    version = register()
    given = outcome(version, user_id=alice.id)
    services.record_outcome(**given)
    services.record_outcome(**{**given, "status": "failed", "flags": 9})
    stored = AnswerOutcome.objects.get()
    assert {name: getattr(stored, name) for name in given} == given


def test_a_worker_is_alive_for_fifteen_seconds_after_it_was_heard_of(oscar: User) -> None:
    now = timezone.now()
    for name, age in (("a", 20), ("b", 5)):
        seen = now - timedelta(seconds=age)
        Worker.objects.create(name=name, kind="inference", started_at=seen, seen_at=seen)
    assert [(worker.name, worker.alive) for worker in selectors.list_workers_for(oscar)] == [  # type: ignore[attr-defined]
        ("b", True),
        ("a", False),
    ]
