"""What people write cannot steer the log, or the terminal that shows it."""

import json
import logging

import pytest
import structlog
from django.core.management import CommandError, call_command

from chatapp.accounts import services
from chatapp.accounts.models import AuditEvent, User

HOSTILE = 'x\x1b]0;owned\x07\x1b[2J\r\n{"event":"forged"}\u2028\u009b31m'


def as_logged(record: logging.LogRecord) -> str:
    """By the product's own formatter, which Django's settings gave to the root logger."""
    formatters = [handler.formatter for handler in logging.getLogger().handlers]
    (formatter,) = [one for one in formatters if isinstance(one, structlog.stdlib.ProcessorFormatter)]
    return formatter.format(record)


@pytest.mark.parametrize("words", [HOSTILE, f"Not Found: /c/{HOSTILE}"])
def test_c13_c16_a_line_of_the_log_stays_one_line_of_plain_ascii(words: str) -> None:
    record = logging.LogRecord("django.request", logging.WARNING, "x.py", 1, words, None, None)
    line = as_logged(record)
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["event"] == words


def test_c16_what_is_said_of_an_exception_is_escaped_as_well() -> None:
    record = logging.LogRecord("x", logging.ERROR, "x.py", 1, "failed", None, (ValueError, ValueError(HOSTILE), None))
    assert as_logged(record).isprintable()


@pytest.mark.django_db
def test_c16_verify_prints_nothing_that_people_wrote(alice: User, capsys: pytest.CaptureFixture[str]) -> None:
    alice.username = HOSTILE
    services.record_event(actor=alice, action="x.y", detail={"name": HOSTILE}, reason=HOSTILE, object_id=HOSTILE)
    call_command("verify_audit")
    assert capsys.readouterr().out.removesuffix("\n").isprintable()
    with pytest.raises(CommandError) as refused:
        call_command("verify_audit", "--expect", HOSTILE)
    assert str(refused.value).isprintable()
    assert AuditEvent.objects.count() == 1
