"""A provider whose messages a test makes itself, and a browser that asks it."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from chatapp.accounts.models import IdentityProvider, ProviderKind
from tests.identity.leaving import way_out
from tests.identity.saml_documents import Answer, encode, inflate, make_key, make_metadata, signed_response

BASE = "/accounts/saml/works/"
HOST = "http://testserver"
ACS = HOST + BASE + "acs/"
ENTITY = HOST + BASE + "metadata/"
IDP = "https://idp.example"
ISSUER = IDP + "/metadata"
KEY = make_key("works")


def make_provider(**fields: Any) -> IdentityProvider:
    metadata = make_metadata(ISSUER, IDP, KEY).decode()
    wanted = {"slug": "works", "kind": ProviderKind.SAML, "name": "Works", "metadata": metadata, **fields}
    return IdentityProvider.objects.create(**wanted)


@pytest.fixture
def provider(db: None) -> IdentityProvider:
    return make_provider()


def ask(client: Client, **form: str) -> str:
    """Begin to sign in; gives the ID of the request."""
    page = client.post(BASE + "login/", form)
    assert page.status_code == 200, page
    request_id: str = read_request(page).get("ID")
    return request_id


def read_request(page: Any) -> Any:
    url = way_out(page)
    assert url.startswith(IDP + "/sso?")
    return inflate(parse_qs(urlsplit(url).query)["SAMLRequest"][0])


def answer_to(request_id: str | None, **changes: Any) -> Answer:
    answer = Answer(issuer=ISSUER, acs=ACS, audience=ENTITY, in_response_to=request_id)
    return answer.but(**{"assertion_id": f"_a{request_id}", **changes})


def post(document: Any, **form: str) -> Any:
    """As a page of the provider does it: no cookie of ours comes along."""
    message = document if isinstance(document, str) else encode(document)
    return Client(enforce_csrf_checks=True).post(BASE + "acs/", {"SAMLResponse": message, **form})


def sign_in(client: Client, *, form: dict[str, str] | None = None, **changes: Any) -> Any:
    """The whole way, with a valid response."""
    waiting = post(signed_response(answer_to(ask(client, **(form or {})), **changes), KEY))
    assert waiting.status_code == 302, waiting
    return client.get(waiting["Location"])


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session
