from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.inference.services import set_flags
from chatapp.moderation.lookalikes import fingerprint_of
from chatapp.moderation.models import Exchange, Flag, FlagSource, Stage, Verdict
from chatapp.moderation.selectors import count_flags


def raise_flag(
    *,
    exchange: Exchange,
    source: FlagSource,
    severity: str,
    verdict: Verdict | None = None,
    reporter: User | None = None,
    report_reason: str = "",
    report_text: str = "",
    excerpt: str = "",
) -> Flag:
    """A flag with its clock and its fingerprint. One person reports and appeals once: the second time gives the first.

    Each appeal is judged by itself, so it is like no other flag.
    """
    check, stage = (verdict.check_name, verdict.stage) if verdict else (str(source), str(Stage.OUTPUT))
    text = excerpt or (verdict.failure if verdict else exchange.answer)
    fields = {
        "verdict": verdict,
        "severity": severity,
        "excerpt": excerpt,
        "fingerprint": "" if source == FlagSource.APPEAL else fingerprint_of(check, stage, text),
        "report_reason": report_reason,
        "report_text": report_text,
        "due_at": due_at(severity),
    }
    if reporter is None:
        flag = Flag.objects.create(exchange=exchange, source=source, **fields)
    else:
        flag = Flag.objects.get_or_create(exchange=exchange, source=source, reporter=reporter, defaults=fields)[0]
    set_flags(generation_id=exchange.pk, flags=count_flags(exchange.pk))  # What rollouts judge a version by.
    return flag


def due_at(severity: str) -> datetime:
    return timezone.now() + timedelta(hours=settings.FLAG_DUE_HOURS[severity])
