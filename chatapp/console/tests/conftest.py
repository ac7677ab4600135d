from collections.abc import Callable

import pytest
from django.test import Client

from chatapp.accounts.models import User
from tests.people import make_person


@pytest.fixture
def client_of() -> Callable[[str], Client]:
    """Signs the person in, making them first if need be."""

    def sign_in(name: str) -> Client:
        client = Client()
        user = User.objects.filter(username=name).first() or make_person(name)
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return sign_in
