"""ID tokens that are right in signature and wrong, or unusual, in what they say (OpenID Connect Core 1.0, 3.1.3.7)."""

import hashlib
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from allauth.socialaccount.providers.oauth2.client import OAuth2Error

from chatapp.accounts.sso.documents import NotAProviderError, discover, forget_documents
from chatapp.accounts.sso.tokens import read_id_token
from chatapp.accounts.tests.signing_provider import SigningProvider, serve_documents

NONCE = "of-this-session"
ACCESS = "access-token-1"


@pytest.fixture
def provider() -> Iterator[SigningProvider]:
    forget_documents()
    with serve_documents() as provider:
        yield provider


def half_hash(token: str) -> str:
    return urlsafe_b64encode(hashlib.sha256(token.encode()).digest()[:16]).rstrip(b"=").decode()


def read(provider: SigningProvider, **changes: Any) -> dict[str, Any]:
    now = int(time.time())
    told = {"iss": provider.issuer, "sub": "00u-1", "aud": "chatapp", "nonce": NONCE, "iat": now, "exp": now + 60}
    claims = {name: value for name, value in {**told, **changes}.items() if value is not None}
    config = discover(provider.issuer)
    return read_id_token(provider.sign(claims), config=config, client_id="chatapp", nonce=NONCE, access_token=ACCESS)


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"at_hash": half_hash(ACCESS)},
        {"azp": "chatapp"},
        {"aud": ["chatapp"]},
        {"aud": ["chatapp", "another"], "azp": "chatapp"},
        {"iat": int(time.time()) + 10},
    ],
)
def test_what_a_right_token_may_say(provider: SigningProvider, claims: dict[str, Any]) -> None:
    assert read(provider, **claims)["sub"] == "00u-1"


@pytest.mark.parametrize(
    "claims,reason",
    [
        ({"at_hash": half_hash("another access token")}, "another access token"),
        ({"at_hash": ""}, "another access token"),
        ({"at_hash": 5}, "another access token"),
        ({"azp": "another"}, "another client"),
        ({"azp": ["chatapp"]}, "another client"),
        ({"aud": ["chatapp", "another"]}, "several audiences"),
        ({"aud": ["chatapp", "another"], "azp": "another"}, "another client"),
        ({"aud": ["another"]}, "not valid"),
        ({"aud": []}, "not valid"),
        ({"iat": int(time.time()) + 24 * 3600}, "not valid"),
        ({"nbf": int(time.time()) + 24 * 3600}, "not valid"),
        ({"iat": None}, "not valid"),
        ({"exp": None}, "not valid"),
        ({"nonce": None}, "not valid"),
        ({"nonce": ["of-this-session"]}, "nonce"),
        ({"sub": 5}, "not valid"),
    ],
)
def test_b11_what_makes_a_signed_token_wrong(provider: SigningProvider, claims: dict[str, Any], reason: str) -> None:
    with pytest.raises(OAuth2Error, match=reason):
        read(provider, **claims)


@pytest.mark.parametrize("address", ["?p=policy", "/.well-known/openid-configuration?p=policy"])
def test_a_discovery_address_may_have_a_query(provider: SigningProvider, address: str) -> None:
    assert discover(provider.issuer + address)["issuer"] == provider.issuer
    assert provider.asked == ["/.well-known/openid-configuration?p=policy"]


def test_a_query_makes_no_other_issuer_right(provider: SigningProvider) -> None:
    with pytest.raises(NotAProviderError, match="another issuer"):
        discover(provider.issuer + "/tenant/.well-known/openid-configuration?p=/.well-known/")
