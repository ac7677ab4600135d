"""System checks of what Django doesn't see. Errors (`chatapp.E…`) are mistakes; warnings are choices to look at twice.

All but the first three need `manage.py check --deploy`, which `make run` and the migrations job do when HTTPS is on.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004 - Django's own name
from django.utils.module_loading import import_string

from chatapp.runtime.instance import read_instance

SOCKET_MAX_BYTES = 64 * 1024
SECRET_MIN_CHARACTERS = 40
TOKEN_MIN_CHARACTERS = 20
_LOOPBACK = {"", "localhost", "127.0.0.1", "::1"}
_WELL_KNOWN = {"", "admin", "change-me", "changeme", "chatapp", "password", "postgres", "redis", "secret", "valkey"}

Check = Callable[[], Iterator[CheckMessage]]


def _checked(*, deploy: bool) -> Callable[[Check], Check]:
    def decorate(check: Check) -> Check:
        register(lambda app_configs, **_: list(check()), Tags.security, deploy=deploy)  # noqa: ARG005 - Django's call
        return check

    return decorate


@_checked(deploy=False)
def check_origins() -> Iterator[CheckMessage]:
    """The websocket's outermost layer refuses pages of other origins."""
    from chatapp.conversations.origins import SameOriginMiddleware

    application = import_string(settings.ASGI_APPLICATION)
    outermost = getattr(application, "application_mapping", {}).get("websocket")
    if not isinstance(outermost, SameOriginMiddleware):
        yield Error("The websocket is open to pages of every origin.", id="chatapp.E001")


@_checked(deploy=False)
def check_celery() -> Iterator[CheckMessage]:
    """Nothing but JSON is accepted or written: a pickle from the broker would run code."""
    from chatapp.celery import app

    accepted = {*app.conf.accept_content, *(app.conf.result_accept_content or ["unset"])}
    written = {app.conf.task_serializer, app.conf.result_serializer, app.conf.event_serializer}
    if accepted | written != {"json"}:
        yield Error("Celery accepts or writes something else than JSON.", id="chatapp.E002")


@_checked(deploy=False)
def check_socket_size() -> Iterator[CheckMessage]:
    from chatapp.web import configure

    if configure(host="127.0.0.1", port=0).ws_max_size > SOCKET_MAX_BYTES:
        yield Error(f"A websocket frame may be larger than {SOCKET_MAX_BYTES} bytes.", id="chatapp.E003")


@_checked(deploy=True)
def check_services() -> Iterator[CheckMessage]:
    database = settings.DATABASES["default"]
    broker = urlsplit(settings.REDIS_URL)
    if not broker.password:
        yield Error("REDIS_URL has no password: whoever reaches it can read answers and send tasks.", id="chatapp.E004")
    remote = broker.scheme != "unix" and broker.hostname not in _LOOPBACK
    if remote and broker.scheme != "rediss":
        yield Warning("REDIS_URL leads to another machine without TLS (rediss://).", id="chatapp.W005")
    options = database.get("OPTIONS", {})
    host = database.get("HOST") or options.get("host", "")
    by_socket = not host or host.startswith("/")
    verified = options.get("sslmode") in {"verify-ca", "verify-full"}
    if not by_socket and host not in _LOOPBACK and not verified:
        hint = "Add ?sslmode=verify-full&sslrootcert=… to DATABASE_URL."
        yield Warning("DATABASE_URL leads to another machine without verified TLS.", hint=hint, id="chatapp.W006")
    # Over a local socket PostgreSQL knows who asks without a password.
    if _is_well_known(broker.password) or (not by_socket and _is_well_known(database.get("PASSWORD"))):
        yield Error("The password of the database or of the broker is a well-known one.", id="chatapp.E007")


@_checked(deploy=True)
def check_secrets() -> Iterator[CheckMessage]:
    if len(settings.SECRET_KEY) < SECRET_MIN_CHARACTERS:
        yield Error(f"SECRET_KEY is shorter than {SECRET_MIN_CHARACTERS} characters.", id="chatapp.E008")
    keys = settings.FIELD_ENCRYPTION_KEYS
    if not keys or not all(_is_fernet_key(key) for key in keys) or len(set(keys)) < len(keys):
        yield Error("FIELD_ENCRYPTION_KEYS are not all valid Fernet keys, or one stands twice.", id="chatapp.E009")
    if 0 < len(settings.METRICS_TOKEN) < TOKEN_MIN_CHARACTERS:
        yield Error(f"METRICS_TOKEN is shorter than {TOKEN_MIN_CHARACTERS} characters.", id="chatapp.E010")
    files = (name for name in os.environ if name.endswith("_FILE"))
    if any(Path(os.environ[name]).parent == settings.PROVIDER_TOKENS_DIR for name in files):
        hint = "Let PROVIDER_TOKENS_DIR be a folder of its own: who registers a version has its files sent."
        yield Error("The product's own secrets lie beside the tokens of providers.", hint=hint, id="chatapp.E015")


@_checked(deploy=True)
def check_exposure() -> Iterator[CheckMessage]:
    if settings.DEBUG:
        yield Error("DEBUG shows source and settings to whoever meets an error.", id="chatapp.E011")
    if "*" in settings.ALLOWED_HOSTS or not settings.ALLOWED_HOSTS:
        yield Error("ALLOWED_HOSTS must name the hosts: a socket's origin is compared with it.", id="chatapp.E012")
    if settings.HTTPS and settings.SCRIPTED_MODEL:
        yield Warning("The scripted model, which is for tests, is served.", id="chatapp.W013")
    instance = read_instance()
    if settings.HTTPS and instance is not None and instance.demo:
        hint = "Start with CHATAPP_DEMO=0 and a CHATAPP_HOME of its own."
        yield Warning("The demo company's accounts exist, all with one password.", hint=hint, id="chatapp.W014")


def _is_well_known(password: Any) -> bool:
    return str(password or "").lower() in _WELL_KNOWN


def _is_fernet_key(key: str) -> bool:
    try:
        Fernet(key)
    except ValueError:
        return False
    return True
