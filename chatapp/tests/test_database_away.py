"""What callers get while PostgreSQL is away, or has no connection to spare."""

from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from psycopg_pool import PoolTimeout

from chatapp.accounts.models import User
from chatapp.metrics import FAULTS


def away(*_: object, **__: object) -> None:
    raise OperationalError


@pytest.fixture
def patient() -> Client:
    """A client that shows what a browser would get, instead of raising."""
    return Client(raise_request_exception=False)


def counted() -> float:
    return float(FAULTS.labels(kind="database_away")._value.get())


@pytest.mark.parametrize("error", [OperationalError, PoolTimeout])
def test_a_page_says_so_and_when_to_come_back(
    alice: User, patient: Client, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    before = counted()
    patient.force_login(alice)
    monkeypatch.setattr("django.db.models.query.QuerySet._fetch_all", fail)
    response = patient.get("/")
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert 'data-code="database_away"' in response.content.decode()
    assert counted() > before


def test_htmx_gets_a_fragment(alice: User, patient: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    patient.force_login(alice)
    monkeypatch.setattr("django.db.models.query.QuerySet._fetch_all", away)
    response = patient.get("/", headers={"HX-Request": "true"})
    assert response.status_code == 503
    assert "<html" not in response.content.decode()


def test_the_api_gets_a_problem_document(patient: Client, monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    monkeypatch.setattr("django.db.models.query.QuerySet._fetch_all", away)
    response = patient.get("/v1/models", headers={"Authorization": "Bearer nobody-knows-it"})
    assert (response.status_code, response["Content-Type"]) == (503, "application/problem+json")
    assert (response.json()["code"], response["Retry-After"]) == ("database_away", "5")


def test_what_fails_in_the_middleware_is_told_too(
    alice: User, patient: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("django.contrib.auth.middleware.AuthenticationMiddleware.process_request", away)
    assert patient.get("/").status_code == 503


def test_any_other_fault_stays_an_error_of_ours(alice: User, patient: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> Any:
        raise RuntimeError

    monkeypatch.setattr("django.contrib.auth.middleware.AuthenticationMiddleware.process_request", fail)
    assert patient.get("/").status_code == 500
