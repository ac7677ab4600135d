"""What employees ask reviewers to look at. Whose answer it is, and how it stands, `conversations.services` checks."""

from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from chatapp.accounts.models import User
from chatapp.accounts.services import record_event
from chatapp.errors import ChatappError
from chatapp.moderation.models import Exchange, Flag, FlagSource, Severity
from chatapp.moderation.reports import MAX_REPORT_CHARACTERS, OTHER, REPORT_REASONS, severity_of
from chatapp.moderation.services.raising import raise_flag
from chatapp.text import clean_text

PER_HOUR = 30
EXCERPT_CHARACTERS = 200


@transaction.atomic
def report_answer(*, user: User, generation_id: UUID, reason: str, text: str) -> Flag:
    """Raises ChatappError: not_found (nothing is kept of the answer), invalid, words_missing, already_reported,
    rate_limited.
    """
    if reason not in REPORT_REASONS:
        raise ChatappError("invalid", detail=f"reason must be one of {', '.join(REPORT_REASONS)}.")
    words = _checked(text, is_needed=reason == OTHER)
    exchange = _lock(user, generation_id, FlagSource.REPORT, "already_reported")
    flag = raise_flag(
        exchange=exchange,
        source=FlagSource.REPORT,
        severity=severity_of(reason),
        reporter=user,
        report_reason=reason,
        report_text=words,
        excerpt=exchange.answer[:EXCERPT_CHARACTERS],
    )
    record_event(actor=user, action="moderation.answer_reported", obj=flag, detail={"reason": reason})
    return flag


@transaction.atomic
def appeal_answer(*, user: User, generation_id: UUID, text: str) -> Flag:
    """Against a withheld answer. Raises ChatappError: not_found, invalid, words_missing, already_appealed,
    rate_limited.
    """
    words = _checked(text, is_needed=True)
    exchange = _lock(user, generation_id, FlagSource.APPEAL, "already_appealed")
    flag = raise_flag(
        exchange=exchange,
        source=FlagSource.APPEAL,
        severity=Severity.MEDIUM,
        reporter=user,
        report_text=words,
        excerpt=exchange.question[:EXCERPT_CHARACTERS],
    )
    record_event(actor=user, action="moderation.answer_appealed", obj=flag)
    return flag


def _lock(user: User, generation_id: UUID, source: FlagSource, code: str) -> Exchange:
    """The exchange, locked, so that two tabs at once make one flag."""
    exchange = Exchange.objects.select_for_update().filter(pk=generation_id, user=user).first()
    if exchange is None:
        raise ChatappError("not_found")
    asked = Flag.objects.filter(reporter=user, source=source)
    if asked.filter(exchange=exchange).exists():
        raise ChatappError(code)
    if asked.filter(created_at__gt=Now() - timedelta(hours=1)).count() >= PER_HOUR:
        raise ChatappError("rate_limited", seconds=3600)
    return exchange


def _checked(text: str, *, is_needed: bool) -> str:
    if len(text) > MAX_REPORT_CHARACTERS:
        raise ChatappError("invalid", detail=f"text: at most {MAX_REPORT_CHARACTERS:,} characters.")
    words = clean_text(text)
    if is_needed and not words:
        raise ChatappError("words_missing")
    return words
