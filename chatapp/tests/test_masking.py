"""C13: nothing that was planted reaches a line of the log, and a line stays one line."""

import io
import json
import logging
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import structlog
from django.test import Client

from chatapp.accounts.models import ApiKey, User
from chatapp.accounts.services import create_api_key
from chatapp.logs import NeverBlocking
from chatapp.masking import MASK, MAX_CHARACTERS, mask_text, mask_value

CONTROLS = "\r\n\x1b[31m\x00\x85\u2028"
PLANTED = [
    "Authorization: Bearer abcDEF123456._-",
    "bearer ZXhhbXBsZS10b2tlbg==",
    "Basic dXNlcjpwYXNzd29yZA==",
    "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.c2lnbmF0dXJl",
    "ca_Jm3kXv0q1w2e3r4t5y6u7i8o9p0",
    "sk-live-1234567890abcdef",
    "Cookie: sessionid=q1w2e3r4t5y6; csrftoken=z9y8x7w6v5",
    "sessionid=q1w2e3r4t5y6u7",
    "postgres://chatapp:hunter2hunter2@db.example/chatapp",
    "redis://:hunter2hunter2@cache:6379/0",
    "password=hunter2hunter2",
    '{"client_secret": "hunter2hunter2"}',
    "?api_key=hunter2hunter2&x=1",
    "wilhelmina.smith@example.com",
    "4111 1111 1111 1111",
    "5500-0000-0000-0004",
    "DE89370400440532013000",
    "GB82 WEST 1234 5698 7654 32",
]
SECRETS = [
    "abcDEF123456", "ZXhhbXBsZS10b2tlbg", "dXNlcjpwYXNzd29yZA", "c2lnbmF0dXJl", "Jm3kXv0q1w2e", "1234567890abcdef",
    "q1w2e3r4t5y6", "z9y8x7w6v5", "hunter2", "wilhelmina", "4111 1111", "5500-0000", "0532013000", "5698 7654",
]  # fmt: skip


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What the product's own formatter writes while the test runs."""
    root = logging.getLogger()
    ours = next(handler for handler in root.handlers if isinstance(handler, NeverBlocking))
    handler = logging.StreamHandler(stream := io.StringIO())
    handler.setFormatter(ours.formatter)
    root.addHandler(handler)
    yield stream
    root.removeHandler(handler)


def lines_of(stream: io.StringIO) -> list[dict[str, Any]]:
    """Fails where a line is no JSON object of plain, visible ASCII."""
    lines = stream.getvalue().split("\n")
    assert lines.pop() == ""
    assert all(line.isascii() and line.isprintable() for line in lines)
    return [json.loads(line) for line in lines]


def leaked(stream: io.StringIO) -> list[str]:
    return [secret for secret in SECRETS if secret in stream.getvalue()]


@pytest.mark.parametrize("planted", PLANTED)
def test_c13_a_secret_is_masked_wherever_it_stands(planted: str, written: io.StringIO) -> None:
    log, said = structlog.get_logger("test"), f"text {planted}"
    log.warning(said, field=planted, nested={"list": [planted], planted: 1}, object=ValueError(planted))
    logging.getLogger("library").warning("a library says %s", planted)
    try:
        raise OSError(planted)  # noqa: TRY301 (so it gets a traceback)
    except OSError:
        log.exception("failed")
        logging.getLogger("library").exception("failed")
    assert len(lines_of(written)) == 4
    assert leaked(written) == []
    assert written.getvalue().count(MASK) >= 6


@pytest.mark.parametrize(
    "name",
    ["password", "Authorization", "cookie", "HTTP_COOKIE", "api_key", "access_token", "client_secret", "session_key"],
)
def test_c13_what_has_a_secret_name_is_masked_whatever_it_is(name: str, written: io.StringIO) -> None:
    structlog.get_logger("test").info("event", **{name: "plain words"}, headers={name: ["plain words"]})
    (line,) = lines_of(written)
    assert (line[name], line["headers"]) == (MASK, {name: MASK})


def test_c13_control_characters_make_no_second_line(written: io.StringIO) -> None:
    name = f'a{CONTROLS}{{"level": "info", "event": "forged"}}'
    structlog.get_logger("test").info("event", name=name)
    logging.getLogger("library").info("said %s", name)
    first, second = lines_of(written)
    assert (first["event"], first["name"].startswith("a\r\n\x1b")) == ("event", True)
    assert second["event"].startswith("said a\r\n")


@pytest.mark.django_db
def test_c13_requests_with_planted_secrets_leave_none_in_the_log(alice: User, written: io.StringIO) -> None:
    _, raw = create_api_key(user=alice)
    ApiKey.objects.update(name=f"key{CONTROLS}".replace("\0", ""))  # As older keys may be called.
    client, canary = Client(raise_request_exception=False), "kingfisher-4711"
    client.cookies["sessionid"] = "q1w2e3r4t5y6"
    body = json.dumps({"model": "default", "messages": [{"role": "user", "content": canary}], "x": canary})
    headers = {"Authorization": f"Bearer {raw}", "X-Forwarded-For": f"1.2.3.4{canary}"}
    client.post("/api/v1/chat/completions", body, content_type="application/json", headers=headers)
    client.get(
        "/api/v1/conversations?api_key=hunter2hunter2", headers={"Authorization": "Bearer ca_wrong-hunter2hunter2"}
    )
    client.post("/accounts/login/", {"login": f"alice{CONTROLS}", "password": "hunter2hunter2"})
    client.force_login(alice)
    client.post("/messages/", {"text": canary, "message": str(uuid4()), "conversation": "no id"})
    lines_of(written)
    assert leaked(written) == []
    assert raw not in written.getvalue()
    assert canary not in written.getvalue()


@pytest.mark.parametrize(
    "plain",
    ["a question of 4 words", "2026-11-29 04:02:06.766412", str(uuid4()), "4111 1111 1111 1112", "tokens=20", "x@y"],
)
def test_ordinary_text_stays(plain: str) -> None:
    assert mask_text(plain) == plain
    assert mask_value({"prompt_tokens": 3, "n": [1.5, None, True]}) == {"prompt_tokens": 3, "n": [1.5, None, True]}


def test_long_values_are_cut_and_hostile_ones_take_no_time() -> None:
    assert len(mask_text("x" * 1_000_000)) < MAX_CHARACTERS + 100
    started = time.process_time()
    for hostile in ("a@" * 500_000, "cookie:" * 200_000, "4 " * 500_000, "://" * 300_000, "eyJ." * 200_000):
        mask_text(hostile)
    assert time.process_time() - started < 5


def test_half_characters_and_loops_break_nothing() -> None:
    loop: list[Any] = []
    loop.append(loop)
    assert mask_value({"half": "a\ud800", "loop": loop})["half"] == "a?"
