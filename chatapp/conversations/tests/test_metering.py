"""Tokens are reserved with a question and settled with its answer, once, however it ends."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from django.test import Client
from redis import Redis

from chatapp.accounts.limits import store
from chatapp.accounts.limits.allowances import buckets_of_key, buckets_of_person, forget_limits
from chatapp.accounts.limits.buckets import Bucket, Taken
from chatapp.accounts.models import ApiKey, ApiKeyUsage, LimitPeriod, LimitSubject, LimitUnit, User
from chatapp.accounts.services import create_api_key, set_rate_limit
from chatapp.conversations import services
from chatapp.conversations.models import Conversation, Generation, Message, Status
from chatapp.conversations.services.metering import settle_answer, settle_ended
from chatapp.conversations.tests.conftest import Ask
from chatapp.conversations.workers.inference import InferenceWorker
from chatapp.errors import ChatappError
from chatapp.moderation.services import create_policy_version

QUOTA = 100_000


@pytest.fixture(autouse=True)
def _no_limit_is_remembered() -> Iterator[None]:
    forget_limits()
    yield
    forget_limits()


@pytest.fixture
def quota(alice: User, ada: User) -> None:
    limit_tokens(ada, "alice", QUOTA)


def limit_tokens(ada: User, name: str, amount: int) -> None:
    set_rate_limit(
        actor=ada, subject=LimitSubject.USER, name=name, unit=LimitUnit.TOKENS, period=LimitPeriod.DAY, amount=amount
    )
    forget_limits()


def left(user: User) -> int:
    (bucket,) = buckets_of_person(user, LimitUnit.TOKENS)
    return store.take({bucket: 0.0}).levels[0].remaining


def reserved_by(generation: Generation) -> int:
    assert generation.reservation is not None
    return int(generation.reservation["tokens"])


def spent(user: User) -> int:
    return QUOTA - left(user)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("quota")
def test_an_answer_costs_in_the_end_what_it_used(alice: User, ask: Ask, worker: InferenceWorker) -> None:
    generation = ask(alice, "rate=2000 tokens=20")
    reserved = reserved_by(generation)
    assert reserved >= 1600 + generation.max_tokens
    assert abs(spent(alice) - reserved) <= 5  # a little is refilled meanwhile
    worker.answer_all()
    generation.refresh_from_db()
    used = generation.prompt_tokens + generation.completion_tokens
    assert (generation.status, generation.reservation) == (Status.COMPLETE, None)
    assert 0 < used < reserved
    assert abs(spent(alice) - used) <= 10


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("quota")
def test_settling_again_changes_nothing(alice: User, ask: Ask, worker: InferenceWorker) -> None:
    generation = ask(alice)
    kept = generation.reservation
    worker.answer_all()
    before = spent(alice)
    services.record_aftermath(generation.id)
    Generation.objects.filter(id=generation.id).update(reservation=kept)  # as if the row's own mark had been lost
    assert settle_answer(generation.id)
    assert settle_ended() == 0
    assert abs(spent(alice) - before) <= 5


@pytest.mark.usefixtures("quota")
def test_what_is_stopped_while_it_waits_costs_nothing(
    alice: User, ask: Ask, django_capture_on_commit_callbacks: Any
) -> None:
    generation = ask(alice)
    with django_capture_on_commit_callbacks(execute=True):
        services.request_stop(user=alice, generation_id=generation.id)
    assert spent(alice) <= 1


@pytest.mark.usefixtures("quota")
def test_what_was_never_claimed_costs_nothing(alice: User, ask: Ask) -> None:
    generation = ask(alice)
    Generation.objects.filter(id=generation.id).update(deadline_at="2020-01-01T00:00:00Z")
    services.sweep_generations()
    generation.refresh_from_db()
    assert (generation.status, generation.reservation) == (Status.FAILED, None)
    assert spent(alice) <= 1


@pytest.mark.usefixtures("quota")
def test_a_withheld_question_costs_no_tokens(alice: User, ask: Ask) -> None:
    checks = [{"kind": "pattern", "stage": "input", "action": "block", "severity": "high", "patterns": ["nightjar"]}]
    create_policy_version(user=None, name="company", checks=checks, activate=True)
    generation = ask(alice, "Tell me about nightjar")
    assert (generation.status, generation.reservation) == (Status.BLOCKED, None)
    assert spent(alice) <= 1


@pytest.mark.usefixtures("quota")
def test_a_question_that_was_not_stored_costs_nothing(alice: User, ask: Ask, monkeypatch: Any) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Message.objects, "bulk_create", fail)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        ask(alice)
    assert spent(alice) <= 1


@pytest.mark.usefixtures("quota")
def test_deleting_a_conversation_makes_no_running_answer_free(
    alice: User, ask: Ask, django_capture_on_commit_callbacks: Any
) -> None:
    running, waiting = ask(alice), ask(alice)
    reserved = reserved_by(running)
    Generation.objects.filter(id=running.id).update(status=Status.ANSWERING, seat=1)
    for generation in (running, waiting):
        with django_capture_on_commit_callbacks(execute=True):
            services.delete_conversation(user=alice, conversation_id=generation.message.conversation_id)
    assert abs(spent(alice) - reserved) <= 5


@pytest.mark.usefixtures("quota")
def test_what_waits_in_a_conversation_that_a_hold_hides_is_stopped_and_costs_nothing(
    alice: User, ask: Ask, monkeypatch: Any, django_capture_on_commit_callbacks: Any
) -> None:
    monkeypatch.setattr("chatapp.conversations.services.conversations.covers_person", lambda _: True)
    generation = ask(alice)
    with django_capture_on_commit_callbacks(execute=True):
        services.delete_conversation(user=alice, conversation_id=generation.message.conversation_id)
    generation.refresh_from_db()
    assert (generation.status, generation.reservation) == (Status.STOPPED, None)
    assert spent(alice) <= 1


@pytest.mark.usefixtures("quota")
def test_a_cached_answer_that_was_not_settled_yet_costs_nothing_when_it_is_deleted(
    alice: User, ask: Ask, django_capture_on_commit_callbacks: Any
) -> None:
    generation = ask(alice)
    given = {"status": Status.COMPLETE, "is_cached": True, "prompt_tokens": 900, "completion_tokens": 100}
    Generation.objects.filter(id=generation.id).update(**given)
    with django_capture_on_commit_callbacks(execute=True):
        services.delete_conversation(user=alice, conversation_id=generation.message.conversation_id)
    assert spent(alice) <= 1


@pytest.mark.usefixtures("scripted")
def test_without_tokens_nothing_is_stored_and_the_page_says_when(alice: User, bob: User, ada: User) -> None:
    limit_tokens(ada, "alice", 3000)
    post: dict[str, Any] = {"text": "Hello", "message_id": uuid4(), "conversation_id": None}
    services.post_message(user=alice, **post)
    with pytest.raises(ChatappError) as refused:
        services.post_message(user=alice, **{**post, "message_id": uuid4()})
    assert (refused.value.code, refused.value.status) == ("tokens_used_up", 429)
    client = Client()
    client.force_login(alice)
    form = {"text": "Hello", "message": str(uuid4()), "conversation": str(uuid4())}
    response = client.post("/messages/", form, headers={"HX-Request": "true"})
    assert response.status_code == 429
    assert int(response["Retry-After"]) > 3600
    assert "Your tokens are used up for now. Try again in" in response.content.decode()
    assert Conversation.objects.count() == 1
    services.post_message(user=bob, **{**post, "message_id": uuid4()})  # nobody else is concerned


@pytest.mark.usefixtures("scripted")
def test_from_80_percent_on_the_page_says_so_without_a_call_of_its_own(
    alice: User, ada: User, monkeypatch: Any
) -> None:
    client = Client(headers={"HX-Request": "true"})
    client.force_login(alice)
    conversation = str(uuid4())

    def post() -> str:
        form = {"text": "Hello", "message": str(uuid4()), "conversation": conversation}
        return client.post("/messages/", form).content.decode()

    said = "of your tokens for a day. They come back evenly, all of them by"
    assert said not in post()  # no limit
    limit_tokens(ada, "alice", QUOTA)
    assert said not in post()  # what is only reserved by the question itself does not count
    (bucket,) = buckets_of_person(alice, LimitUnit.TOKENS)
    store.take({bucket: QUOTA * 0.835 - spent(alice)})
    calls = []
    take = store.take

    def counted(costs: dict[Bucket, float]) -> Taken:
        calls.append(costs)
        return take(costs)

    monkeypatch.setattr(store, "take", counted)
    page = post()
    assert f"You have used 83 % {said}" in page
    assert len(calls) == 1
    Generation.objects.update(status=Status.COMPLETE)
    answer = Generation.objects.latest("created_at").message
    again = client.post(f"/c/{answer.conversation_id}/messages/{answer.id}/regenerate/").content.decode()
    assert said in again
    assert store.give_back({bucket: QUOTA / 2}, once=str(uuid4()))
    assert said not in post()
    assert 'data-testid="tokens-note"' in client.get("/").content.decode()


@pytest.mark.usefixtures("scripted")
def test_a_message_sent_twice_is_charged_once(alice: User, ada: User) -> None:
    limit_tokens(ada, "alice", QUOTA)
    post: dict[str, Any] = {"user": alice, "text": "Hello", "message_id": uuid4(), "conversation_id": uuid4()}
    generation = services.post_message(**post)
    assert services.post_message(**post).id == generation.id
    assert abs(spent(alice) - reserved_by(generation)) <= 5


@pytest.mark.usefixtures("scripted")
def test_pages_share_the_requests_of_the_api(alice: User, settings: Any) -> None:
    settings.REQUESTS_PER_MINUTE = 2
    for _ in range(2):
        services.post_message(user=alice, text="Hello", message_id=uuid4(), conversation_id=None)
    with pytest.raises(ChatappError) as refused:
        services.post_message(user=alice, text="Hello", message_id=uuid4(), conversation_id=None)
    assert refused.value.code == "rate_limited"
    assert Message.objects.count() == 4


@pytest.mark.django_db(transaction=True)
def test_tokens_of_a_key_are_its_own_and_are_shown(alice: User, worker: InferenceWorker) -> None:
    key, _ = create_api_key(user=alice, tokens_per_day=QUOTA)
    generation = services.post_message(
        user=alice, text="rate=2000 tokens=20", message_id=uuid4(), conversation_id=None, key=key
    )
    Generation.objects.filter(id=generation.id).update(collections=[])
    assert (generation.reservation or {}).get("key") == str(key.pk)
    worker.answer_all()
    generation.refresh_from_db()
    used = generation.prompt_tokens + generation.completion_tokens
    assert ApiKeyUsage.objects.get(key=key).tokens == used
    (bucket,) = buckets_of_key(key, LimitUnit.TOKENS)
    assert abs(QUOTA - store.take({bucket: 0.0}).levels[0].remaining - used) <= 10
    services.record_aftermath(generation.id)
    assert ApiKeyUsage.objects.get(key=key).tokens == used


@pytest.mark.django_db(transaction=True)
def test_a_key_that_is_gone_is_no_hindrance(alice: User, worker: InferenceWorker) -> None:
    key, _ = create_api_key(user=alice)
    generation = services.post_message(
        user=alice, text="rate=2000 tokens=5", message_id=uuid4(), conversation_id=None, key=key
    )
    Generation.objects.filter(id=generation.id).update(collections=[])
    ApiKey.objects.all().delete()
    worker.answer_all()
    generation.refresh_from_db()
    assert (generation.status, generation.reservation) == (Status.COMPLETE, None)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("quota")
def test_without_redis_questions_are_stored_and_settled_later(
    alice: User, ask: Ask, worker: InferenceWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    generation = ask(alice)
    closed = Redis.from_url("redis://127.0.0.1:1/0", socket_connect_timeout=0.2)
    with monkeypatch.context() as patch:
        patch.setattr(store, "redis_client", lambda **_: closed)
        patch.setattr(store._Pause, "until", 0.0)
        worker.answer_all()
        generation.refresh_from_db()
        assert generation.status == Status.COMPLETE
        assert generation.reservation is not None
        lent = ask(alice)  # accepted, under the limit of this process
        assert lent.reservation == {"tokens": reserved_by(lent), "buckets": [], "key": None}
    monkeypatch.setattr(store._Pause, "until", 0.0)
    Generation.objects.filter(id=generation.id).update(finished_at="2026-01-01T00:00:00Z")
    assert settle_ended() == 1
    generation.refresh_from_db()
    assert generation.reservation is None
    assert abs(spent(alice) - generation.prompt_tokens - generation.completion_tokens) <= 10
