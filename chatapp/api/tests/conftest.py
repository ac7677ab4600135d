from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from chatapp.accounts.limits.allowances import bucket_of_failed_keys
from chatapp.accounts.models import CustomRole, User
from chatapp.accounts.services import create_api_key
from chatapp.accounts.services.roles import settle_roles
from chatapp.api.tests.scim import Directory
from chatapp.redis import redis_client

Api = Callable[..., Client]


@pytest.fixture(autouse=True)
def _nobody_guessed_before() -> None:
    """Tests that show wrong keys are many, and all come from one address."""
    redis_client().delete(bucket_of_failed_keys("127.0.0.1").key)


@pytest.fixture
def api() -> Api:
    """A client that carries a key of the user."""

    def make(user: User, *, read_only: bool = False) -> Client:
        _, raw = create_api_key(user=user, read_only=read_only)
        return Client(headers={"Authorization": f"Bearer {raw}"}, raise_request_exception=False)

    return make


@pytest.fixture
def directory(db: None) -> Directory:
    """The service account `directory`, whose one right is to provision."""
    CustomRole.objects.create(slug="provisioner", name="Provisioner", permissions=["accounts.provision"])
    account = User.objects.create(username="directory", is_service=True, own_roles=["provisioner"])
    settle_roles(user=account)
    return Directory(create_api_key(user=account)[1])


def send(client: Client, method: str, path: str, body: Any = None) -> Any:
    return client.generic(method, path, b"" if body is None else body, content_type="application/json")


def assert_problem(response: Any, status: int, code: str) -> None:
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["status"] == status
