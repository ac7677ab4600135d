"""Settings as a process reads them: secrets from files, cookies that no other host sets."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

from chatapp.environment import Env
from chatapp.runtime.files import CHECKOUT

SECRETS = {
    "SECRET_KEY": "k" * 50,
    "FIELD_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
    "DATABASE_URL": "postgres://u:p4ss@db.example:5432/chatapp",
    "REDIS_URL": "rediss://:p4ss@cache.example:6379/0",
    "METRICS_TOKEN": "t" * 30,
    "OIDC_CLIENT_SECRET": "client-secret",
}
SHOW = """
import json
from chatapp import settings
print(json.dumps({
    "SECRET_KEY": settings.SECRET_KEY,
    "FIELD_ENCRYPTION_KEYS": ",".join(settings.FIELD_ENCRYPTION_KEYS),
    "DATABASE_URL": settings.DATABASE_URL,
    "REDIS_URL": settings.REDIS_URL,
    "METRICS_TOKEN": settings.METRICS_TOKEN,
    "OIDC_CLIENT_SECRET": settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"][0]["secret"],
    "cookies": [getattr(settings, "SESSION_COOKIE_NAME", ""), getattr(settings, "CSRF_COOKIE_NAME", "")],
    "secure": [settings.SESSION_COOKIE_SECURE, settings.CSRF_COOKIE_SECURE, settings.SESSION_COOKIE_PATH],
}))
"""


def read(home: Path, **environment: str) -> dict[str, object]:
    known = {
        name: value
        for name, value in os.environ.items()
        if name.removesuffix("_FILE") not in {*SECRETS, "HTTPS"} and not name.startswith("OIDC_")
    }
    oidc = {"OIDC_ISSUER": "https://id.example", "OIDC_CLIENT_ID": "chatapp"}
    done = subprocess.run(
        [sys.executable, "-c", SHOW],
        env={**known, **oidc, "CHATAPP_HOME": str(home), **environment},
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    shown: dict[str, object] = json.loads(done.stdout)
    return shown


def test_each_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    files = {}
    for name, value in SECRETS.items():
        (tmp_path / name).write_text(value + "\n")
        files[f"{name}_FILE"] = str(tmp_path / name)
    shown = read(tmp_path, **files)
    assert {name: shown[name] for name in SECRETS} == SECRETS


def test_without_its_secrets_the_product_does_not_start(tmp_path: Path) -> None:
    for left_out in ("SECRET_KEY", "FIELD_ENCRYPTION_KEYS", "DATABASE_URL", "REDIS_URL"):
        with pytest.raises(subprocess.CalledProcessError) as caught:
            read(tmp_path, **{name: value for name, value in SECRETS.items() if name != left_out})
        assert f"{left_out} is not set" in caught.value.stderr


@pytest.mark.parametrize(
    "environment, prefix, path",
    [({}, "__Host-", "/"), ({"ROOT_PATH": "/assistant"}, "__Secure-", "/assistant/"), ({"HTTPS": "0"}, "", "/")],
)
def test_cookies_behind_https_are_of_this_host_alone(
    tmp_path: Path, environment: dict[str, str], prefix: str, path: str
) -> None:
    shown = read(tmp_path, **SECRETS, **environment)
    names = [f"{prefix}session", f"{prefix}csrf"] if prefix else ["", ""]
    assert (shown["cookies"], shown["secure"]) == (names, [bool(prefix), bool(prefix), path])


@pytest.mark.parametrize("value", ["-1", "1.5"])
def test_a_number_out_of_bounds_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SHARE", value)
    with pytest.raises(ImproperlyConfigured, match="SHARE is from 0 to 1"):
        Env().within("SHARE", default=0.5, least=0, most=1)


def test_a_number_has_the_type_of_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOURS", "0")
    with pytest.raises(ImproperlyConfigured, match="HOURS is 1 or more"):
        Env().within("HOURS", default=4, least=1)
    monkeypatch.setenv("HOURS", "7")
    assert Env().within("HOURS", default=4, least=1) == 7
    assert Env().within("OTHER_HOURS", default=4, least=1) == 4
