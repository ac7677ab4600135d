"""What `manage.py check --deploy` says of settings that Django itself accepts."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from channels.routing import ProtocolTypeRouter, URLRouter
from cryptography.fernet import Fernet
from django.core.checks import Tags, run_checks
from django.core.management import call_command

from chatapp import asgi, checks, web
from chatapp.celery import app

REMOTE = {"HOST": "db.example", "PASSWORD": "f1f0a7e2", "OPTIONS": {}}
KEY = Fernet.generate_key().decode()


def found() -> set[str]:
    messages = run_checks(tags=[Tags.security], include_deployment_checks=True)
    return {str(message.id) for message in messages if str(message.id).startswith("chatapp.")}


def test_the_settings_of_the_tests_are_clean() -> None:
    assert found() == set()


def test_a_socket_without_the_check_of_origins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi, "application", ProtocolTypeRouter({"websocket": URLRouter([])}))
    assert found() == {"chatapp.E001"}


@pytest.mark.parametrize("name", ["accept_content", "result_accept_content"])
def test_e07_celery_accepts_only_json(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.conf, name, ["json", "pickle"])
    assert found() == {"chatapp.E002"}


@pytest.mark.parametrize("name", ["task_serializer", "result_serializer", "event_serializer"])
def test_e07_celery_writes_only_json(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.conf, name, "pickle")
    assert found() == {"chatapp.E002"}


def test_large_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "configure", lambda **_: SimpleNamespace(ws_max_size=16 * 1024 * 1024))
    assert found() == {"chatapp.E003"}


@pytest.mark.parametrize(
    "url, ids",
    [
        ("redis://127.0.0.1:6379/0", {"chatapp.E004", "chatapp.E007"}),
        ("redis://:b0f1d2c3@cache.example:6379/0", {"chatapp.W005"}),
        ("redis://:changeme@127.0.0.1:6379/0", {"chatapp.E007"}),
        ("rediss://:b0f1d2c3@cache.example:6379/0", set()),
        ("unix://:b0f1d2c3@/run/valkey.sock", set()),
    ],
)
def test_the_address_of_the_broker(url: str, ids: set[str], settings: Any) -> None:
    settings.REDIS_URL = url
    assert found() == ids


@pytest.mark.parametrize(
    "database, ids",
    [
        (REMOTE, {"chatapp.W006"}),
        (REMOTE | {"OPTIONS": {"sslmode": "require"}}, {"chatapp.W006"}),
        (REMOTE | {"OPTIONS": {"sslmode": "verify-full"}}, set()),
        (REMOTE | {"HOST": "127.0.0.1"}, set()),
        (REMOTE | {"HOST": "127.0.0.1", "PASSWORD": "postgres"}, {"chatapp.E007"}),
        ({"HOST": "", "PASSWORD": "", "OPTIONS": {"host": "/run/postgresql"}}, set()),
    ],
)
def test_the_address_of_the_database(database: dict[str, Any], ids: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "settings", _with(DATABASES={"default": database}))
    assert found() == ids


@pytest.mark.parametrize(
    "name, value, ids",
    [
        ("SECRET_KEY", "short", {"chatapp.E008"}),
        ("FIELD_ENCRYPTION_KEYS", [], {"chatapp.E009"}),
        ("FIELD_ENCRYPTION_KEYS", [KEY, "not a key"], {"chatapp.E009"}),
        ("FIELD_ENCRYPTION_KEYS", [KEY, KEY], {"chatapp.E009"}),
        ("METRICS_TOKEN", "guess", {"chatapp.E010"}),
        ("DEBUG", True, {"chatapp.E011"}),
        ("ALLOWED_HOSTS", ["*"], {"chatapp.E012"}),
        ("ALLOWED_HOSTS", [], {"chatapp.E012"}),
    ],
)
def test_a_setting(name: str, value: Any, ids: set[str], settings: Any) -> None:
    setattr(settings, name, value)
    assert found() == ids


def test_the_products_secrets_lie_apart_from_what_is_sent_to_providers(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY_FILE", "/run/secrets/secret_key")
    assert found() == set()
    settings.PROVIDER_TOKENS_DIR = Path("/run/secrets")
    assert found() == {"chatapp.E015"}


def test_what_is_for_trying_out_is_named_in_production(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "read_instance", lambda: SimpleNamespace(demo=True))
    settings.SCRIPTED_MODEL = True
    assert found() == set()
    settings.HTTPS = True
    assert found() == {"chatapp.W013", "chatapp.W014"}


def test_preparing_refuses_wrong_settings_before_it_changes_anything(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chatapp.runtime import prepare

    commands: list[str] = []

    def call(name: str, **options: Any) -> None:
        commands.append(name)
        if name == "check":
            call_command(name, **options)

    monkeypatch.setattr(prepare, "call_command", call)
    settings.HTTPS, settings.DEBUG = True, True
    with pytest.raises(SystemExit):
        prepare.main([])
    assert commands == ["check"]


def _with(**changed: Any) -> SimpleNamespace:
    from django.conf import settings

    names = {name: getattr(settings, name) for name in dir(settings) if name.isupper()}
    return SimpleNamespace(**names | changed)
