"""A real OpenID provider as a process of its own: `python oidc_server.py` prints its port and serves until killed.

It insists on PKCE, which the package behind it does not. `PUT /fault` names one way in which its next ID tokens
are wrong ("" for none), as a hostile or broken provider's would be.
"""

import hashlib
import json
import os
import warnings
from base64 import urlsafe_b64encode
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

warnings.simplefilter("ignore")
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

import flask  # noqa: E402
import werkzeug.serving  # noqa: E402
from oidc_provider_mock import User, init_app  # noqa: E402
from oidc_provider_mock._storage import storage  # noqa: E402

ALICE = {
    "email": "alice@example.com",
    "preferred_username": "alice",
    "given_name": "Alice",
    "groups": ["staff", "engineering"],
}
SAME_ADDRESS = {"email": "alice@example.com", "email_verified": True, "preferred_username": "alice"}
CHANGES: dict[str, dict[str, Any]] = {
    "nonce": {"nonce": "of another session"},
    "no_nonce": {"nonce": None},
    "issuer": {"iss": "https://evil.example"},
    "audience": {"aud": "another-client"},
    "expired": {"exp": 1_000_000_000},
    "subject": {"sub": "00u-somebody-else"},
}

app = flask.Flask(__name__)
app.secret_key = "test"
init_app(app, user_claims=(User(sub="00u-alice", claims=ALICE), User(sub="00u-other", claims=SAME_ADDRESS)))
challenges: dict[str, str] = {}
fault = {"name": ""}


@app.put("/fault")
def set_fault() -> tuple[str, int]:
    fault["name"] = flask.request.get_data(as_text=True)
    return "", 204


@app.before_request
def check_pkce() -> tuple[str, int] | None:
    if flask.request.path != "/oauth2/token":
        return None
    verifier = flask.request.form.get("code_verifier", "")
    expected = challenges.pop(flask.request.form.get("code", ""), None)
    found = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return None if expected == found else ('{"error": "invalid_grant"}', 400)


@app.after_request
def remember_challenge_and_tamper(response: flask.Response) -> flask.Response:
    location = response.headers.get("Location", "")
    if flask.request.path == "/oauth2/authorize" and "code=" in location:
        assert flask.request.args["code_challenge_method"] == "S256"
        code = location.partition("code=")[2].partition("&")[0]
        challenges[code] = flask.request.args["code_challenge"]
    if flask.request.path == "/oauth2/token" and response.status_code == 200 and fault["name"]:
        body = json.loads(response.get_data())
        body["id_token"] = forge(body["id_token"], fault["name"])
        response.set_data(json.dumps(body))
    return response


def forge(token: str, name: str) -> str | None:
    claims = jwt.decode(token, options={"verify_signature": False})
    jwk = storage.jwk.as_dict(is_private=True)
    key, kid = jwt.PyJWK(jwk, "RS256").key, jwk.get("kid") or storage.jwk.thumbprint()
    if name == "missing":
        return None
    if name == "unsigned":
        return jwt.encode(claims, "", algorithm="none", headers={"kid": kid})
    if name == "symmetric":
        from joserfc.jwk import OctKey
        from joserfc.jwt import encode

        public = json.dumps(storage.jwk.as_dict(is_private=False)).encode()
        return encode({"alg": "HS256", "kid": kid}, claims, OctKey.import_key(public))
    if name == "foreign_key":
        foreign = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return jwt.encode(claims, foreign, algorithm="RS256", headers={"kid": kid})
    if name == "unknown_kid":
        return jwt.encode(claims, key, algorithm="RS256", headers={"kid": "unknown"})
    changed = {key: value for key, value in {**claims, **CHANGES[name]}.items() if value is not None}
    return jwt.encode(changed, key, algorithm="RS256", headers={"kid": kid})


if __name__ == "__main__":
    server = werkzeug.serving.make_server("127.0.0.1", 0, app, threaded=True)
    print(server.server_port, flush=True)  # noqa: T201 (the test reads it)
    server.serve_forever()
