"""What opens an endpoint: a key, a token in a file that something else renews, or tokens fetched with a secret."""

import re
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx2

from chatapp.inference.providers.errors import ProviderError
from chatapp.inference.providers.options import AuthHeader
from chatapp.inference.providers.transport import GuardedTransport

Headers = Callable[[], Mapping[str, str]]
_MAX_TOKEN_CHARACTERS = 16_384
_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")
_RENEW_BEFORE_SECONDS = 120.0
_TOKEN_SECONDS = 20.0
_MAX_TOKEN_BODY = 65_536
ENTRA_TOKEN_URL = "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"  # noqa: S105 - an address
ENTRA_SCOPE = "https://cognitiveservices.azure.com/.default"


def no_credential() -> Mapping[str, str]:
    return {}


def static_key(key: str, *, header: AuthHeader) -> Headers:
    headers = _as_header(key, header)
    return lambda: headers


def token_file(path: Path, *, header: AuthHeader) -> Headers:
    """The file is read for each request, so that whoever renews it need tell nobody."""

    def read() -> Mapping[str, str]:
        try:
            with path.open(encoding="ascii") as file:
                token = file.read(_MAX_TOKEN_CHARACTERS + 1).strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ProviderError(f"The token file {path.name} cannot be read.", retryable=True) from error
        return _as_header(token, header)

    return read


class ClientCredentials:
    """Tokens by OAuth 2.0 client credentials (RFC 6749, section 4.4), kept until shortly before they expire.

    Microsoft Entra ID: learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
    """

    def __init__(self, *, token_url: str, client_id: str, secret: str, scope: str) -> None:
        self._token_url = token_url
        self._form = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": secret,
            "scope": scope,
        }
        self._lock = threading.Lock()
        self._token = ""
        self._renew_at = 0.0

    def __call__(self) -> Mapping[str, str]:
        with self._lock:
            if time.monotonic() >= self._renew_at:
                self._token, seconds = self._fetch()
                self._renew_at = time.monotonic() + max(seconds - _RENEW_BEFORE_SECONDS, seconds / 2)
            return _as_header(self._token, "bearer")

    def _fetch(self) -> tuple[str, float]:
        transport = GuardedTransport(url=self._token_url, credential=no_credential, max_bytes=_MAX_TOKEN_BODY)
        client = httpx2.Client(transport=transport, trust_env=False, timeout=_TOKEN_SECONDS)
        try:
            with client, transport.ending_after(_TOKEN_SECONDS):  # All answers of the version wait for it.
                return _parse_token(client.post(self._token_url, data=self._form))
        except httpx2.HTTPError as error:
            raise ProviderError(f"No token could be fetched: {type(error).__name__}.", retryable=True) from None


def _parse_token(response: httpx2.Response) -> tuple[str, float]:
    if response.status_code != 200:
        reason = f"No token could be fetched: the sign-in service answered {response.status_code}."
        raise ProviderError(reason, retryable=response.status_code >= 500 or response.status_code == 429)
    try:
        found = response.json()
        token, seconds = str(found["access_token"]), float(found.get("expires_in", 300))
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ProviderError("The sign-in service sent no token.", retryable=False) from None
    return token, min(max(seconds, 1.0), 86_400.0)


def _as_header(token: str, header: AuthHeader) -> Mapping[str, str]:
    if not _TOKEN.fullmatch(token):
        raise ProviderError("The key or token is empty or has characters that no header may hold.", retryable=False)
    return {"authorization": f"Bearer {token}"} if header == "bearer" else {header: token}
