import pytest
from django.test import Client

from chatapp.accounts.models import User
from chatapp.accounts.services import create_api_key


@pytest.fixture
def alice_client(alice: User) -> Client:
    client = Client()
    client.force_login(alice)
    return client


def test_settings_begin_with_the_first_tab(alice_client: Client) -> None:
    assert alice_client.get("/settings/")["Location"] == "/settings/keys/"
    page = alice_client.get("/settings/keys/").content.decode()
    assert '<a href="/settings/keys/" aria-current="page">API keys</a>' in page
    assert 'data-testid="settings"' in page


def test_a_person_sees_own_keys_only(alice_client: Client, alice: User, mallory: User) -> None:
    assert "keys-empty" in alice_client.get("/settings/keys/").content.decode()
    create_api_key(user=mallory, name="of-mallory")
    create_api_key(user=alice, name="of-alice")
    page = alice_client.get("/settings/keys/").content.decode()
    assert "of-alice" in page
    assert "of-mallory" not in page
