"""What makes a token of an OpenID Connect provider believed: signature, issuer, audience and times."""

import hashlib
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Sequence
from typing import Any

import jwt
from allauth.socialaccount.providers.oauth2.client import OAuth2Error

from chatapp.accounts.sso.documents import fetch_keys

# Public-key signatures only: with HS256 the published key itself could sign.
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
_CLOCK_LEEWAY_SECONDS = 30
_MAX_TOKEN = 65_536
_FRESH_SECONDS = 120
_ID_CLAIMS = ("iss", "sub", "aud", "exp", "iat", "nonce")


def read_id_token(
    token: str, *, config: dict[str, Any], client_id: str, nonce: str, access_token: str = ""
) -> dict[str, Any]:
    """The claims of an ID token (OpenID Connect Core 1.0, 3.1.3.7). Raises OAuth2Error unless all of it is right."""
    claims = read_token(token, config=config, client_id=client_id, required=_ID_CLAIMS)
    if not secrets.compare_digest(str(claims["nonce"]).encode(), nonce.encode()):
        raise OAuth2Error("the nonce is not the one that this session sent")
    if claims.get("azp", client_id) != client_id:
        raise OAuth2Error("the ID token was made for another client")
    if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and "azp" not in claims:
        raise OAuth2Error("the ID token has several audiences and does not say for whom it was made")
    if "at_hash" in claims and claims["at_hash"] != _half_hash(access_token, jwt.get_unverified_header(token)["alg"]):
        raise OAuth2Error("the ID token belongs to another access token")
    return claims


def read_token(
    token: str,
    *,
    config: dict[str, Any],
    client_id: str,
    required: Sequence[str],
    kind: str = "JWT",
    pause: float = 0,
) -> dict[str, Any]:
    """The claims of a token that this provider signed for this client. Raises OAuth2Error.

    `kind` is the type that the header may name besides JWT. When no key fits, the provider may have changed its keys:
    they are fetched once more, if that was not done in the last `pause` seconds.
    """
    header = _read_header(token, kind)
    failure: Exception = KeyError("no key fits")
    for age in (_FRESH_SECONDS, pause):
        for key in _fitting(fetch_keys(config, not_older=age), header):
            try:
                claims: dict[str, Any] = jwt.decode(
                    token,
                    key=key,
                    algorithms=[header["alg"]],
                    issuer=config["issuer"],
                    audience=client_id,
                    leeway=_CLOCK_LEEWAY_SECONDS,
                    options={"require": list(required)},
                )
                return claims  # noqa: TRY300 (the loop goes on only after a failure)
            except jwt.InvalidSignatureError as error:
                failure = error
            except (jwt.PyJWTError, ValueError) as error:
                raise OAuth2Error("the token is not valid") from error
    raise OAuth2Error("the token is not signed by a key of the provider") from failure


def _read_header(token: str, kind: str) -> dict[str, Any]:
    try:
        if len(token) > _MAX_TOKEN:
            raise OAuth2Error("the token is too long")
        header: dict[str, Any] = jwt.get_unverified_header(token)
    except jwt.PyJWTError as error:
        raise OAuth2Error("the token is not valid") from error
    if header.get("alg") not in _ALGORITHMS or "crit" in header:
        raise OAuth2Error("the token is signed in a way that is not allowed")
    if str(header.get("typ", kind)).lower() not in {"jwt", kind.lower()}:
        raise OAuth2Error("this is another kind of token")
    return header


def _fitting(keys: list[dict[str, Any]], header: dict[str, Any]) -> Iterator[jwt.PyJWK]:
    """A token without a key id may be signed by any of the keys that fit its algorithm."""
    for key in keys:
        if key.get("use", "sig") != "sig" or key.get("alg", header["alg"]) != header["alg"]:
            continue
        if "kid" in header and key.get("kid") != header["kid"]:
            continue
        try:
            yield jwt.PyJWK(key, algorithm=header["alg"])
        except (jwt.PyJWTError, ValueError):
            continue  # Of another type than the algorithm's, or broken.


def _half_hash(access_token: str, algorithm: str) -> str:
    """Core 1.0, 3.1.3.6: the left half of the hash that goes with the signature; SHA-512 for Ed25519."""
    size = algorithm[-3:] if algorithm[-3:].isdigit() else "512"
    digest = hashlib.new(f"sha{size}", access_token.encode()).digest()
    return urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
