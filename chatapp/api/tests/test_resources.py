from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from chatapp.accounts.models import AuditEvent, User
from chatapp.api.tests.conftest import Api, assert_problem
from chatapp.conversations.models import Conversation, Generation, Message
from chatapp.inference.models import AnswerOutcome, ModelVersion, Provider, Route
from chatapp.moderation.models import Flag
from chatapp.moderation.services import create_policy_version
from tests.people import make_person

pytestmark = pytest.mark.django_db
PATTERN = {"kind": "pattern", "stage": "input", "action": "flag", "severity": "high", "patterns": ["falcon"]}


@pytest.fixture
def scripted(db: None, settings: Any) -> ModelVersion:
    settings.SCRIPTED_MODEL = True
    version = ModelVersion.objects.create(
        name="scripted", provider=Provider.SCRIPTED, context_tokens=4096, state="evaluated"
    )
    Route.objects.create(name=Route.DEFAULT, version=version)
    return version


def post(client: Any, path: str, body: dict[str, Any]) -> Any:
    return client.post(path, body, content_type="application/json")


def upload(client: Any, slug: str, name: str = "note.txt", data: bytes = b"The secret is falcon.") -> Any:
    return client.post("/api/v1/documents", {"collection": slug, "file": SimpleUploadedFile(name, data, "text/plain")})


def make_collection(client: Any, slug: str = "notes", **groups: str) -> Any:
    return post(client, "/api/v1/collections", {"slug": slug, "name": slug, "groups": groups})


def test_a_collection_is_made_by_those_who_may(ada: User, alice: User, mallory: User, api: Api) -> None:
    assert_problem(make_collection(api(alice)), 403, "forbidden")
    assert make_collection(api(ada), engineering="editor").json() == {
        "slug": "notes",
        "name": "notes",
        "role": "owner",
        "chunk_characters": 700,
        "chunk_overlap": 0,
    }
    assert_problem(make_collection(api(ada)), 409, "exists")
    assert [item["role"] for item in api(alice).get("/api/v1/collections").json()["items"]] == ["editor"]
    assert api(mallory).get("/api/v1/collections").json()["items"] == []


def test_a_document_is_uploaded_seen_and_deleted_within_rights(
    ada: User, alice: User, bob: User, mallory: User, api: Api
) -> None:
    make_collection(api(ada), engineering="editor", sales="reader")
    response = upload(api(alice), "notes")
    assert response.status_code == 202
    document = response.json()
    assert {"id", "name", "status", "error", "pages", "chunks"} <= set(document)
    path = f"/api/v1/documents/{document['id']}"
    assert api(bob).get(path).json()["name"] == "note.txt"
    assert_problem(api(bob).delete(path), 403, "forbidden")
    assert_problem(upload(api(bob), "notes"), 403, "forbidden")
    unknown = api(mallory).get(f"/api/v1/documents/{uuid4()}")
    for method in ("get", "delete"):
        hidden = getattr(api(mallory), method)(path)
        assert (hidden.status_code, hidden.content) == (404, unknown.content)
    assert_problem(upload(api(mallory), "notes"), 404, "not_found")
    assert api(alice).delete(path).status_code == 204
    assert_problem(api(alice).get(path), 404, "not_found")


@pytest.mark.parametrize("name,data,status", [("x.exe", b"MZ\x00", 415), ("../x.svg", b"<svg/>", 415)])
def test_c09_a_wrong_file_is_refused(name: str, data: bytes, status: int, ada: User, api: Api) -> None:
    make_collection(api(ada))
    assert upload(api(ada), "notes", name, data).status_code == status


def test_a_file_over_the_limit_is_refused(ada: User, api: Api, settings: Any) -> None:
    settings.UPLOAD_MAX_BYTES = 10
    make_collection(api(ada))
    assert_problem(upload(api(ada), "notes"), 413, "file_too_large")


def test_a_message_becomes_a_generation_that_its_owner_can_stop(
    scripted: ModelVersion, alice: User, mallory: User, api: Api
) -> None:
    message = str(uuid4())
    first = post(api(alice), "/api/v1/messages", {"id": message, "text": "hello \x00 there"})
    again = post(api(alice), "/api/v1/messages", {"id": message, "text": "hello \x00 there"})
    assert first.status_code == again.status_code == 202
    generation = first.json()
    assert again.json()["id"] == generation["id"]
    assert {"status", "text", "model_version", "policy_version", "attempt", "prompt_tokens"} <= set(generation)
    stop = f"/api/v1/generations/{generation['id']}/stop"
    assert_problem(api(mallory).post(stop), 404, "not_found")
    assert Generation.objects.get().status == "queued"
    assert api(alice).post(stop).json()["status"] == "stopped"
    asked = api(alice).get(f"/api/v1/messages/{message}").json()
    assert (asked["role"], asked["text"]) == ("user", "hello  there")


def test_mallory_reaches_no_conversation_of_alice(scripted: ModelVersion, alice: User, mallory: User, api: Api) -> None:
    generation = post(api(alice), "/api/v1/messages", {"text": "hello"}).json()
    conversation, message = generation["conversation"], generation["message"]
    stranger = api(mallory)
    for path in (
        f"conversations/{conversation}",
        f"messages/{message}",
        f"messages?conversation={conversation}",
        f"generations/{generation['id']}",
    ):
        assert_problem(stranger.get(f"/api/v1/{path}"), 404, "not_found")
    assert_problem(stranger.delete(f"/api/v1/conversations/{conversation}"), 404, "not_found")
    patch = stranger.patch(f"/api/v1/conversations/{conversation}", {"title": "x"}, content_type="application/json")
    assert_problem(patch, 404, "not_found")
    assert_problem(post(stranger, "/api/v1/messages", {"text": "x", "conversation": conversation}), 404, "not_found")
    assert_problem(post(stranger, "/api/v1/messages", {"text": "x", "id": message}), 404, "not_found")
    assert Message.objects.count() == 2


def test_a_conversation_is_renamed_and_deleted(scripted: ModelVersion, alice: User, api: Api) -> None:
    conversation = post(api(alice), "/api/v1/messages", {"text": "hello"}).json()["conversation"]
    path = f"/api/v1/conversations/{conversation}"
    assert api(alice).patch(path, {"title": "Plans"}, content_type="application/json").json()["title"] == "Plans"
    assert [item["title"] for item in api(alice).get("/api/v1/conversations").json()["items"]] == ["Plans"]
    assert api(alice).delete(path).status_code == 204
    assert not Conversation.objects.exists()


def test_lists_come_in_pages_newest_first(scripted: ModelVersion, alice: User, api: Api) -> None:
    made = [post(api(alice), "/api/v1/messages", {"text": f"hello {n}"}).json()["id"] for n in range(5)]
    client, found = api(alice), []
    cursor: Any = ""
    while cursor is not None:
        page = client.get("/api/v1/generations", {"limit": "2", "cursor": cursor}).json()
        found += [item["id"] for item in page["items"]]
        cursor = page["next"]
    assert found == made[::-1]


def test_a_page_of_generations_costs_few_queries(
    scripted: ModelVersion, alice: User, api: Api, django_assert_max_num_queries: Any
) -> None:
    for n in range(5):
        post(api(alice), "/api/v1/messages", {"text": f"hello {n}"})
    client = api(alice)
    AnswerOutcome.objects.create(
        generation_id=Generation.objects.earliest("created_at").id, user=alice, status="complete", cost="0.25"
    )
    with django_assert_max_num_queries(3):
        items = client.get("/api/v1/generations").json()["items"]
    assert [item["cost"] for item in items] == [None] * 4 + ["0.250000"]


def test_b19_operators_register_versions_that_replace_none_and_employees_see_none(
    oscar: User, bob: User, api: Api, scripted: ModelVersion
) -> None:
    assert_problem(post(api(bob), "/api/v1/model-versions", {"name": "x"}), 403, "forbidden")
    assert api(bob).get("/api/v1/model-versions").json()["items"] == []
    known = api(oscar).get("/api/v1/model-versions").json()["items"][0]
    assert known["name"] == "scripted"
    before = list(ModelVersion.objects.values())
    for change in ({}, {"system_prompt": "Tell all."}, {"id": known["id"], "provider": "llama_cpp"}):
        assert post(api(oscar), "/api/v1/model-versions", {**known, **change}).status_code in {400, 409}
    assert_problem(post(api(oscar), "/api/v1/model-versions", known), 409, "exists")
    assert list(ModelVersion.objects.values()) == before
    made = post(api(oscar), "/api/v1/model-versions", {**known, "name": "scripted-2"})
    assert (made.status_code, made.json()["name"]) == (201, "scripted-2")
    assert Route.objects.get().version == scripted


def test_policies_are_versions_of_administrators(ada: User, mona: User, alice: User, api: Api) -> None:
    body = {"name": "test", "activate": True, "checks": [PATTERN]}
    for user in (alice, mona):
        assert_problem(post(api(user), "/api/v1/policies", body), 403, "forbidden")
    assert post(api(ada), "/api/v1/policies", body).json()["version"] == "test@1"
    assert post(api(ada), "/api/v1/policies", body).json()["number"] == 2
    shown = api(mona).get("/api/v1/policies").json()["items"]
    assert [(item["version"], item["active"]) for item in shown] == [("test@2", True), ("test@1", False)]
    assert api(alice).get("/api/v1/policies").json()["items"] == []
    assert_problem(post(api(ada), "/api/v1/policies", {**body, "checks": [{"kind": "no"}]}), 400, "invalid")


def test_a_flag_goes_to_reviewers_who_claim_and_decide(
    scripted: ModelVersion, alice: User, mona: User, mallory: User, api: Api
) -> None:
    check = {**PATTERN, "action": "block"}
    create_policy_version(user=None, name="test", checks=[check], activate=True)
    generation = post(api(alice), "/api/v1/messages", {"text": "what is falcon?"}).json()
    assert generation["status"] == "blocked"
    flag = api(mona).get("/api/v1/flags?status=open").json()["items"][0]
    assert (flag["generation"], flag["stage"], flag["severity"]) == (generation["id"], "input", "high")
    assert "falcon" in flag["excerpt"]
    path = f"/api/v1/flags/{flag['id']}"
    for user in (alice, mallory):
        assert api(user).get("/api/v1/flags").json()["items"] == []
        assert_problem(api(user).post(path + "/claim"), 404, "not_found")
    assert api(mona).post(path + "/claim").json()["status"] == "claimed"
    decision = {"decision": "dismiss", "reason": "harmless"}
    assert post(api(mona), path + "/decide", decision).json()["status"] == "second"
    assert_problem(api(mona).post(path + "/claim"), 403, "flag_not_yours")
    ada = make_person("ada")
    assert api(ada).post("/api/v1/flags/next").json()["id"] == flag["id"]
    assert post(api(ada), path + "/decide", {"decision": "dismiss", "reason_code": "public"}).json()["status"] == (
        "dismissed"
    )
    assert Flag.objects.get().decided_by == ada
    assert api(ada).post(path + "/undo").json()["status"] == "claimed"
    assert_problem(api(mona).post(path + "/undo"), 409, "flag_taken")
    assert api(mona).post("/api/v1/flags/next").status_code == 204
    assert_problem(post(api(ada), path + "/decide", {"decision": "dismiss", "effects": ["x"]}), 400, "invalid")
    assert_problem(post(api(ada), path + "/decide", {"decision": "dismiss"}), 400, "invalid")


def test_usage_is_ones_own_and_all_for_administrators(alice: User, bob: User, ada: User, api: Api) -> None:
    for user, tokens in ((alice, 10), (alice, 5), (bob, 7)):
        AnswerOutcome.objects.create(generation_id=uuid4(), user=user, status="complete", completion_tokens=tokens)
    old = AnswerOutcome.objects.create(generation_id=uuid4(), user=bob, status="complete", completion_tokens=1000)
    AnswerOutcome.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=40))
    own = api(alice).get("/api/v1/usage").json()["items"]
    assert [(row["name"], row["answers"], row["completion_tokens"]) for row in own] == [("alice", 2, 15)]
    rows = api(ada).get("/api/v1/usage").json()["items"]
    assert {row["name"]: row["completion_tokens"] for row in rows} == {"alice": 15, "bob": 7}
    first = api(ada).get("/api/v1/usage?limit=1").json()
    rest = api(ada).get(f"/api/v1/usage?limit=1&cursor={first['next']}").json()
    assert [row["name"] for row in first["items"] + rest["items"]] == ["bob", "alice"]
    assert rest["next"] is None


def test_usage_by_group_and_version_is_ones_own(alice: User, bob: User, mallory: User, api: Api) -> None:
    version = ModelVersion.objects.create(name="priced", provider="scripted", context_tokens=1024)
    for user in (alice, bob):
        AnswerOutcome.objects.create(generation_id=uuid4(), user=user, version=version, status="complete", cost="0.25")
    for by, names in (("group", {"staff", "engineering"}), ("version", {"priced"})):
        rows = api(alice).get(f"/api/v1/usage?by={by}").json()["items"]
        assert {row["name"] for row in rows} == names
        assert {(row["answers"], row["cost"]) for row in rows} == {(1, "0.250000")}
        assert api(mallory).get(f"/api/v1/usage?by={by}").json()["items"] == []
    assert_problem(api(alice).get("/api/v1/usage?by=colour"), 400, "invalid")
    assert_problem(api(alice).get("/api/v1/usage?cursor=made-up"), 400, "invalid")


def test_the_audit_is_for_administrators(alice: User, ada: User, api: Api) -> None:
    client = api(alice)
    assert client.get("/api/v1/audit").json()["items"] == []
    shown = api(ada).get("/api/v1/audit").json()["items"]
    assert shown[-1] | {"action": "api_key.created", "actor": "alice"} == shown[-1]
    assert len(shown) == AuditEvent.objects.count()


def test_the_key_of_an_endpoint_is_written_and_never_read(oscar: User, bob: User, api: Api) -> None:
    body = {
        "name": "far",
        "provider": "openai_compatible",
        "preset": "openai",
        "external_model": "gpt-5-mini",
        "context_tokens": 8192,
        "endpoints": [{"url": "https://api.example/v1", "key": "sk-planted"}],
        "may_leave_company": True,
    }
    assert_problem(post(api(bob), "/api/v1/model-versions", body), 403, "forbidden")
    made = post(api(oscar), "/api/v1/model-versions", body)
    shown = api(oscar).get("/api/v1/model-versions")
    for text in (made.content.decode(), shown.content.decode(), str(AuditEvent.objects.values())):
        assert "far" in text
        assert "sk-planted" not in text
    assert shown.json()["items"][0]["endpoints"] == [{"url": "https://api.example/v1", "has_key": True}]
    wrongs: list[dict[str, Any]] = [
        {"endpoints": [{"url": "x" * 501}]},
        {"endpoints": {}},
        {"prompt_price": []},
        {"request_options": 1},
    ]
    for wrong in wrongs:
        refused = post(api(oscar), "/api/v1/model-versions", {**body, "name": "far-2", **wrong})
        assert_problem(refused, 400, "invalid")
        assert "sk-planted" not in refused.content.decode()
