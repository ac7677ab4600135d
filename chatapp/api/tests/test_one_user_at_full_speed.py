"""E10: one user asks as fast as he can, over real HTTP; another one is served as if he did not."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest

from chatapp.accounts.models import User
from chatapp.accounts.services import create_api_key
from chatapp.api.tests.serving import inference_worker, web_server
from chatapp.conversations.models import Generation, Message, MessageRole, Status
from chatapp.inference.models import Provider
from chatapp.inference.services import register_version, set_serving_version
from tests.people import make_person

pytestmark = pytest.mark.django_db(transaction=True)
BURST = 100


@pytest.fixture
def scripted(transactional_db: None, settings: Any) -> None:
    settings.SCRIPTED_MODEL = True
    version = register_version(user=None, name="scripted", provider=Provider.SCRIPTED, context_tokens=4096)
    set_serving_version(user=None, version=version)


@pytest.fixture(scope="module")
def server(django_db_setup: None) -> Iterator[str]:
    with web_server() as url:
        yield url


def client_of(user: User, server: str) -> httpx.Client:
    _, raw = create_api_key(user=user)
    return httpx.Client(base_url=server, headers={"Authorization": f"Bearer {raw}"}, timeout=60)


def post(client: httpx.Client, text: str = "rate=400 tokens=20") -> httpx.Response:
    return client.post("/api/v1/messages", json={"id": str(uuid4()), "text": text})


def at_once(count: int, call: Any) -> list[httpx.Response]:
    with ThreadPoolExecutor(16) as threads:
        return [done.result() for done in [threads.submit(call) for _ in range(count)]]


@pytest.mark.usefixtures("scripted")
def test_e10_a_hundred_messages_at_once_are_mostly_refused(server: str, settings: Any) -> None:
    settings.REQUESTS_PER_MINUTE = 40
    settings.USER_MAX_QUEUED = 1000  # so that it is the rate that refuses
    alice, bob = make_person("alice"), make_person("bob")
    with client_of(alice, server) as fast, client_of(bob, server) as other:
        answers = at_once(BURST, lambda: post(fast))
        statuses = Counter(answer.status_code for answer in answers)
        assert set(statuses) == {202, 429}
        assert 40 <= statuses[202] <= 60  # the burst, and what is refilled meanwhile
        refused = [answer for answer in answers if answer.status_code == 429]
        assert {answer.json()["code"] for answer in refused} == {"rate_limited"}
        assert all(1 <= int(answer.headers["Retry-After"]) <= 60 for answer in refused)
        assert all(answer.headers["RateLimit"].startswith('"user-requests-minute";r=') for answer in refused)
        assert Message.objects.filter(conversation__owner=alice, role=MessageRole.USER).count() == statuses[202]
        calm = post(other)
    assert calm.status_code == 202
    assert "Retry-After" not in calm.headers


@pytest.mark.usefixtures("scripted")
def test_e10_runs_of_one_user_leave_the_next_user_his_turn(server: str, settings: Any) -> None:
    settings.USER_MAX_QUEUED = 20
    alice, bob = make_person("alice"), make_person("bob")
    with client_of(alice, server) as fast, client_of(bob, server) as other:
        answers = at_once(40, lambda: post(fast, "rate=20 tokens=10"))
        statuses = Counter(answer.status_code for answer in answers)
        assert statuses[202] >= 20
        assert statuses[202] + statuses[429] == 40
        assert statuses[429] >= 1
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert refused.json()["code"] == "user_queue_full"
        assert int(refused.headers["Retry-After"]) >= 1
        with inference_worker():
            chat = {"model": "scripted", "messages": [{"role": "user", "content": "rate=2000 tokens=5"}]}
            answered = other.post("/v1/chat/completions", json=chat)
            assert answered.status_code == 200
            waiting = Generation.objects.filter(user=alice, status=Status.QUEUED).count()
            # He was served in his round, long before those who were there before him.
            assert waiting >= 10
