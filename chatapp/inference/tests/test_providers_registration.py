import json
import re
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from chatapp.accounts.models import AuditEvent, User
from chatapp.errors import ChatappError
from chatapp.inference import services
from chatapp.inference.models import Endpoint, ModelVersion
from chatapp.inference.providers import open_provider
from chatapp.inference.providers.moderation import ModerationClient
from chatapp.inference.providers.presets import PRESETS
from chatapp.inference.tests.fake_provider import KEY

pytestmark = pytest.mark.django_db

CLOUD: dict[str, Any] = {
    "name": "gpt",
    "provider": "openai_compatible",
    "preset": "openai",
    "external_model": "gpt-5-mini",
    "context_tokens": 128_000,
    "endpoints": [{"url": "https://api.openai.com/v1/", "key": KEY}],
    "may_leave_company": True,
    "sampling": {"temperature": 0.2},
    "request_options": {"first_token_seconds": 20, "requests_per_minute": 500},
    "prompt_price": "0.25",
    "completion_price": 2,
}
OWN: dict[str, Any] = {
    **CLOUD,
    "name": "own",
    "preset": "vllm",
    "endpoints": [{"url": "http://10.1.2.3:8000/v1"}, {"url": "http://vllm-2.internal:8000/v1"}],
    "may_leave_company": False,
}
AZURE: dict[str, Any] = {
    **CLOUD,
    "preset": "azure",
    "endpoints": [{"url": "https://acme.openai.azure.com", "key": "client-secret"}],
    "request_options": {
        "api_version": "2024-10-21",
        "credential": "client_credentials",
        "tenant": "acme.example",
        "client_id": "abc",
    },
}
SCRIPTED: dict[str, Any] = {"name": "s", "provider": "scripted", "context_tokens": 4096}


def register(user: User | None = None, **given: Any) -> ModelVersion:
    return services.register_version(user=user, **given)


def with_options(base: dict[str, Any], **options: Any) -> dict[str, Any]:
    return {**base, "request_options": {**base["request_options"], **options}}


def with_url(base: dict[str, Any], url: str) -> dict[str, Any]:
    return {**base, "endpoints": [{"url": url}]}


def test_an_external_version_holds_its_endpoints_and_the_key_is_nowhere_in_plain_sight(oscar: User) -> None:
    version = register(oscar, **CLOUD)
    endpoint = version.endpoints.get()
    assert (endpoint.url, endpoint.key) == ("https://api.openai.com/v1", KEY)
    assert (version.may_leave_company, version.prompt_price) == (True, Decimal("0.25"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT key FROM inference_endpoint")
        assert KEY not in cursor.fetchone()[0]
    event = AuditEvent.objects.get()
    assert event.detail["urls"] == ["https://api.openai.com/v1"]
    assert KEY not in json.dumps(event.detail)


@pytest.mark.parametrize("given", [OWN, AZURE, with_options(OWN, sampling=["temperature"])])
def test_these_are_in_order(given: dict[str, Any]) -> None:
    assert register(**given).endpoints.count() == len(given["endpoints"])


@pytest.mark.parametrize(
    "given,words",
    [
        ({**CLOUD, "may_leave_company": None}, "may_leave_company must be true"),
        ({**CLOUD, "may_leave_company": "no"}, "may_leave_company must be true or false"),
        ({**CLOUD, "preset": "magic"}, "preset must be one of openai, azure"),
        ({**CLOUD, "preset": ["openai"]}, "preset must be a text"),
        ({**CLOUD, "external_model": ""}, "external_model must name"),
        ({**CLOUD, "external_model": "a\nb"}, "external_model is a name"),
        ({**CLOUD, "endpoints": []}, "1 to 20 endpoints"),
        ({**CLOUD, "endpoints": CLOUD["endpoints"] * 2}, "named once"),
        ({**CLOUD, "endpoints": [{"url": f"https://h{n}.example"} for n in range(21)]}, "1 to 20 endpoints"),
        ({**CLOUD, "endpoints": ["https://a.example"]}, "An endpoint is an object"),
        ({**CLOUD, "endpoints": [{"url": "https://a.example", "secret": "x"}]}, "An endpoint is an object"),
        ({**CLOUD, "endpoints": [{"url": "https://a.example", "key": "a\r\nb"}]}, "key of an endpoint has"),
        ({**CLOUD, "endpoints": [{"url": 7}]}, "url of an endpoint is a text"),
        ({**CLOUD, "sha256": "ab" * 32}, "has no weights here"),
        ({**CLOUD, "engine_options": {"main_gpu": 1}}, "has no weights here"),
        ({**CLOUD, "sampling": {"top_k": 5}}, "top_k is not a sampling parameter that this model takes"),
        (with_options(CLOUD, sampling=["top_k"]), "top_k is not a sampling parameter that openai takes"),
        (with_options(CLOUD, sampling=["seed"]), "temperature is not a sampling parameter that this"),
        (with_options(CLOUD, heat=1), "heat is not a request option"),
        (with_options(CLOUD, first_token_seconds=0), "first_token_seconds is a number of seconds from 0.1"),
        (with_options(CLOUD, first_token_seconds=float("nan")), "first_token_seconds is a number"),
        (with_options(CLOUD, max_retries=True), "max_retries is a whole number"),
        (with_options(CLOUD, concurrency=10**9), "concurrency is a whole number from 1 to 256"),
        (with_options(CLOUD, system_role="root"), "system_role is one of"),
        (with_options(CLOUD, path="/predict"), "path is not a request option of openai"),
        (with_options(CLOUD, api_version="1"), "api_version is not a request option of openai"),
        (with_options(OWN, sends_user_hash=True), "no place for a user's hash"),
        (with_options(CLOUD, credential="client_credentials"), "is for the preset azure"),
        (with_options(CLOUD, credential="token_file", token_file="t"), "give no key"),
        (with_options(CLOUD, token_file="t"), "token_file goes with another credential"),
        (with_options(CLOUD, credential="token_file", token_file="../etc/passwd"), "token_file is the name of a file"),
        ({**CLOUD, "request_options": ["x"]}, "request_options is an object"),
        ({**AZURE, "request_options": {}}, "needs api_version"),
        (with_options(AZURE, client_id=""), "client_id is a text"),
        ({**AZURE, "endpoints": with_url(AZURE, "https://a.example")["endpoints"]}, "the secret as key"),
        (with_options(AZURE, token_url="http://sign.in.example/t"), "needs https"),
        ({**CLOUD, "prompt_price": -1}, "prompt_price must be a number"),
        ({**CLOUD, "prompt_price": "NaN"}, "prompt_price must be a number"),
        ({**CLOUD, "completion_price": "0.00001"}, "completion_price must be a number"),
        ({**CLOUD, "completion_price": "cheap"}, "completion_price must be a number"),
        ({**SCRIPTED, "endpoints": [{"url": "https://a.example"}]}, "endpoints is for external versions"),
        ({**SCRIPTED, "may_leave_company": True}, "may_leave_company is for external versions"),
        ({**SCRIPTED, "preset": "openai"}, "preset is for external versions"),
        ({**SCRIPTED, "request_options": {"max_retries": 1}}, "request_options is for external versions"),
        ({**SCRIPTED, "engine_options": {"warp": 9}}, "warp is not an engine option"),
    ],
)
def test_a_wrong_version_is_refused_with_a_sentence(oscar: User, given: dict[str, Any], words: str) -> None:
    with pytest.raises(ChatappError, match=words) as refused:
        register(oscar, **given)
    assert refused.value.code == "invalid"
    assert KEY not in refused.value.message
    assert not ModelVersion.objects.exists()
    assert not Endpoint.objects.exists()


@pytest.mark.parametrize(
    "base, options",
    [
        (AZURE, {"token_url": "https://evil.example/token"}),
        (AZURE, {"tenant": "evil.example"}),
        (with_options(CLOUD, first_token_seconds=20), {"credential": "token_file", "token_file": "other"}),
    ],
)
def test_d15_a_clone_sends_no_key_to_another_place(oscar: User, base: dict[str, Any], options: dict[str, Any]) -> None:
    """Whoever clones has never seen the key."""
    version = register(oscar, **base)
    changes = {"request_options": {**version.request_options, **options}}
    with pytest.raises(ChatappError, match="takes the keys over unseen"):
        services.clone_version(user=oscar, version=version, name="mine", changes=changes)
    kept = {**version.request_options, "max_retries": 1}
    clone = services.clone_version(user=oscar, version=version, name="mine", changes={"request_options": kept})
    assert clone.endpoints.get().key == version.endpoints.get().key


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "\x01javascript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "gopher://a.example",
        "ftp://a.example",
        "file:///etc/passwd",
        "//a.example/v1",
        "https://",
        "https://user:pw@a.example/v1",
        "https://a.example/v1?key=1",
        "https://a.example/v1#x",
        "https://a.example:99999",
        "https://a example",
        "https://a.example\\@evil",
        "https://[::1",
        "https://2130706433/v1",
        "https://0x7f.1/v1",
        "https://0177.0.0.1/v1",
        "https://127.1/v1",
        "https://169.254.169.254/v1",
        "https://[::ffff:a9fe:a9fe]/v1",
        "https://[64:ff9b::a9fe:a9fe]/v1",
        "https://[fe80::1]/v1",
        "https://[fd00:ec2::254]/v1",
        "https://100.100.100.200/v1",
        "https://0.0.0.0/v1",
        "https://[::]/v1",
        "https://224.0.0.1/v1",
        "https://bücher.example/v1",
        "https://a.example/" + "x" * 500,
    ],
)
def test_c10_d07_an_address_that_no_endpoint_may_have_is_refused_also_inside(url: str) -> None:
    with pytest.raises(ChatappError, match="url of an endpoint"):
        register(**with_url(OWN, url))


@pytest.mark.parametrize(
    "url,is_own",
    [
        ("http://api.example/v1", False),
        ("http://127.0.0.1:8000/v1", False),
        ("http://8.8.8.8/v1", True),
        ("http://[2001:4860:4860::8888]/v1", True),
    ],
)
def test_http_is_for_the_companys_own_inside_its_network(url: str, *, is_own: bool) -> None:
    with pytest.raises(ChatappError, match="needs https"):
        register(**{**with_url(OWN, url), "may_leave_company": not is_own})


def test_a_name_that_is_taken_is_said_so_and_leaves_no_endpoint_behind(oscar: User) -> None:
    register(oscar, **CLOUD)
    with pytest.raises(ChatappError) as refused:
        register(oscar, **{**OWN, "name": "gpt"})
    assert refused.value.code == "exists"
    assert Endpoint.objects.count() == 1


def test_who_does_not_operate_models_registers_none(mallory: User) -> None:
    with pytest.raises(ChatappError) as refused:
        register(mallory, **CLOUD)
    assert refused.value.code == "forbidden"
    assert not Endpoint.objects.exists()


EXAMPLES = re.findall(r"```json\n(.*?)```", (settings.BASE_DIR / "docs" / "providers.md").read_text(), re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: json.loads(text)["name"])
def test_the_examples_of_the_documentation_can_be_registered_and_opened(example: str) -> None:
    version = register(**json.loads(example))
    client = open_provider(version) if version.writes else ModerationClient(version, list(version.endpoints.all()))
    client.close()


def test_there_is_an_example_for_each_preset() -> None:
    assert {json.loads(text).get("preset") for text in EXAMPLES} == {*PRESETS, None}
