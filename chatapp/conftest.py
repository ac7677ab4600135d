"""Fixtures for the tests of every app."""

import pytest

from chatapp.accounts.models import User
from tests.people import make_person


@pytest.fixture
def alice(db: None) -> User:
    return make_person("alice")


@pytest.fixture
def bob(db: None) -> User:
    return make_person("bob")


@pytest.fixture
def mallory(db: None) -> User:
    return make_person("mallory")


@pytest.fixture
def mona(db: None) -> User:
    return make_person("mona")


@pytest.fixture
def oscar(db: None) -> User:
    return make_person("oscar")


@pytest.fixture
def ada(db: None) -> User:
    return make_person("ada")
