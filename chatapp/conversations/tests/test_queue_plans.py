"""What the queue costs the database: no scan over old answers, and few statements a question."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test import Client

from chatapp.accounts.models import User
from chatapp.conversations import services
from chatapp.conversations.models import Generation, Status
from chatapp.conversations.queue import find_places
from chatapp.conversations.tests.queueing import HOUR, claim_any, queue_for, serve, took
from chatapp.inference.models import ModelVersion
from tests.people import make_person

pytestmark = pytest.mark.django_db
OLD, WAITING = 3000, 200


@pytest.fixture
def history(alice: User, scripted: ModelVersion) -> list[Generation]:
    """Many answers of the past, some that wait, of ten people."""
    people = [alice, *(make_person(f"person-{number}") for number in range(9))]
    serve(scripted)
    for person in people:
        old = queue_for(
            person, OLD // 10, status=Status.COMPLETE, claimed_at=Now() - HOUR, finished_at=Now(), version=scripted
        )
        took(5, old[0])
    waiting = [one for person in people for one in queue_for(person, WAITING // 10)]
    claim_any()
    with connection.cursor() as cursor:
        for table in ("conversations_generation", "inference_answeroutcome", "accounts_user"):
            cursor.execute(f"ANALYZE {table}")
    return waiting


@contextmanager
def explained() -> Iterator[list[dict[str, Any]]]:
    """The plans of all statements of the queue that run meanwhile."""
    plans: list[dict[str, Any]] = []

    def explain(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        if "ranked AS" in sql:
            with connection.cursor() as cursor:
                cursor.cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
                plans.append(cursor.cursor.fetchone()[0][0]["Plan"])
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        yield plans


def scanned(plan: dict[str, Any]) -> Iterator[str]:
    """Tables that are read whole."""
    if plan["Node Type"] == "Seq Scan":
        yield plan["Relation Name"]
    for below in plan.get("Plans", ()):
        yield from scanned(below)


def test_neither_claim_nor_places_read_old_answers(history: list[Generation]) -> None:
    with explained() as plans:
        assert claim_any() is not None
        assert find_places([one.id for one in history])
    assert len(plans) == 2
    assert not {table for plan in plans for table in scanned(plan)} & {"conversations_generation"}


def test_a_question_costs_few_statements(
    alice: User, scripted: ModelVersion, django_assert_max_num_queries: Any
) -> None:
    post: dict[str, Any] = {"user": alice, "text": "Hello?", "conversation_id": uuid4()}
    services.post_message(**post, message_id=uuid4())
    with django_assert_max_num_queries(13):
        services.post_message(**post, message_id=uuid4())


def test_so_does_the_whole_request_of_a_page(
    alice: User, client: Client, scripted: ModelVersion, django_assert_max_num_queries: Any
) -> None:
    """Session, user, the question, the thread that is shown, the list beside it."""
    client.force_login(alice)
    conversation = str(uuid4())
    # The first one of a process also reads limits and budgets, which are then known for some seconds.
    for statements in (20, 18):
        posted = {"text": "Hello?", "message": str(uuid4()), "conversation": conversation}
        with django_assert_max_num_queries(statements):
            response = client.post("/messages/", posted, headers={"HX-Request": "true"})
        assert response.status_code == 200
