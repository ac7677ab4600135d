"""Schemathesis over both APIs' OpenAPI documents, as each persona, against a running product of its own."""

import contextlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase
from schemathesis import GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import response_schema_conformance

from chatapp.api.urls import openai_api, product_api
from tests.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.filterwarnings("default")]

PERSONAS = ("alice", "mallory", "mona", "oscar", "ada")
EXAMPLES = 3
_MAKE_KEYS = """
import json
from chatapp.accounts.models import User
from chatapp.accounts.services import create_api_key
people = {user.username: user for user in User.objects.all()}
keys = {name: create_api_key(user=people[name])[1] for name in %r}
print(json.dumps(keys | {"read-only ada": create_api_key(user=people["ada"], read_only=True)[1]}))
"""
# What administrators may do, and did in their zeal: budgets for everyone, and versions that answer no more.
_UNDO = """
from chatapp.inference.models import Budget, ModelVersion
Budget.objects.all().delete()
ModelVersion.objects.filter(name="scripted").update(state="evaluated")
"""
FORGOTTEN_SECONDS = 30  # Budgets are remembered for some.
# Whose real ids are put into addresses, so that more than the 404 of an unknown id is met.
_LISTS = ("collections", "conversations", "documents", "model-versions", "policies", "routes")
DOCUMENTS = {
    "/api/v1": product_api.get_openapi_schema(path_prefix="/api/v1/"),
    "/v1": openai_api.get_openapi_schema(path_prefix="/v1/"),
}
OPERATIONS = [
    pytest.param(operation.ok(), id=operation.ok().label)
    for document in DOCUMENTS.values()
    for operation in schemathesis.openapi.from_dict(json.loads(json.dumps(document, default=str))).get_all_operations()
]


class Fuzzed:
    """The product, its personas' clients, and what they were answered."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.pids = stack.pids
        names = json.loads(stack.manage("shell", "-v0", "-c", _MAKE_KEYS % (PERSONAS,)).strip().splitlines()[-1])
        keys = {"wrong key": "sk-x", **names}
        self.headers: dict[str, dict[str, str]] = {"nobody": {}}
        self.headers |= {name: {"Authorization": f"Bearer {key}"} for name, key in keys.items()}
        self.statuses: Counter[tuple[str, int]] = Counter()
        self.ids = self._find_ids()

    def send(self, persona: str, case: Any) -> Any:
        case.headers = {}  # Schemathesis makes up a key of its own.
        response = case.call(base_url=self.stack.base_url, headers=dict(self.headers[persona]))
        self.statuses[persona, response.status_code] += 1
        return response

    def ask(self, persona: str, path: str, body: Any = None) -> Any:
        method = "GET" if body is None else "POST"
        response = httpx.request(
            method, self.stack.base_url + path, headers=self.headers[persona], json=body, timeout=60
        )
        return response.json()

    def _find_ids(self) -> list[str]:
        found = []
        for kind in _LISTS:
            for one in self.ask("ada", f"/api/v1/{kind}").get("items", [])[:3]:
                found += [one[name] for name in ("id", "slug", "name") if isinstance(one.get(name), str)][:1]
        return found


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory, company: Path) -> Iterator[Fuzzed]:
    stack = Stack(tmp_path_factory.mktemp("fuzzed"), environment={"CHATAPP_TITLES": "0", "CHATAPP_SUMMARIES": "0"})
    try:
        stack.begin_as(company)
        stack.start()
        stack.serve("scripted")
        yield Fuzzed(stack)
    finally:
        stack.stop()


def judge(case: Any, persona: str, response: Any) -> None:
    """No failure of the server; what is said has the documented shape; an error is a problem document."""
    about = f"{persona}: {case.method} {case.path} → {response.status_code} {response.text[:300]}"
    # A queue that is full, or a worker that is not there, is said so.
    assert response.status_code < 500 or (response.status_code == 503 and "retry-after" in response.headers), about
    if persona in {"nobody", "wrong key"}:  # Whoever guesses for long is told to wait.
        assert response.status_code in {401, 404, 405} | ({429} if persona == "wrong key" else set()), about
    if response.status_code >= 400:
        assert response.headers["content-type"] == ["application/problem+json"], about
        assert response.json()["status"] == response.status_code, about
    else:
        with_shape(case, response, about)


def with_shape(case: Any, response: Any, about: str) -> None:
    try:
        case.validate_response(response, checks=[response_schema_conformance])
    except FailureGroup as failure:
        raise AssertionError(about) from failure


def trial(check: Callable[[Any], None], operation: Any, mode: GenerationMode) -> None:
    limits = hypothesis.settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    limits(hypothesis.given(operation.as_strategy(generation_mode=mode))(check))()


@pytest.mark.parametrize("operation", OPERATIONS)
def test_e09_whatever_is_sent_is_answered_and_never_a_failure(fuzzed: Fuzzed, operation: Any) -> None:
    turn = 0

    def check(case: Any) -> None:
        nonlocal turn
        turn += 1
        if turn % 2 and fuzzed.ids and case.path_parameters:
            known = fuzzed.ids[turn % len(fuzzed.ids)]
            case.path_parameters = dict.fromkeys(case.path_parameters, known)
        for persona in fuzzed.headers:
            judge(case, persona, fuzzed.send(persona, case))

    trial(check, operation, GenerationMode.POSITIVE)
    # Not to be satisfied where there is nothing to get wrong, as with a list without parameters.
    with contextlib.suppress(hypothesis.errors.Unsatisfiable):
        trial(check, operation, GenerationMode.NEGATIVE)


def test_e09_the_processes_are_those_that_began_and_still_answer(fuzzed: Fuzzed) -> None:
    assert sum(fuzzed.statuses.values()) > 500
    refused = sum(count for (_, status), count in fuzzed.statuses.items() if status == 429)
    assert refused < sum(fuzzed.statuses.values()) / 10, "limits hid what was to be tried"
    assert {persona for persona, status in fuzzed.statuses if status == 200} >= {"alice", "ada", "read-only ada"}
    assert fuzzed.stack.pids == fuzzed.pids
    fuzzed.stack.manage("shell", "-c", _UNDO)
    body = {"model": "scripted", "messages": [{"role": "user", "content": "rate=500 say: still here"}]}
    deadline = time.monotonic() + FORGOTTEN_SECONDS
    while "choices" not in (said := fuzzed.ask("alice", "/v1/chat/completions", body)):
        assert time.monotonic() < deadline, said
        time.sleep(1)
    assert said["choices"][0]["message"]["content"] == "still here"
