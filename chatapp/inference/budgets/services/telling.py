"""Who must know is told once in a period that a limit was reached: on the page, in the console, by mail."""

from datetime import timedelta
from smtplib import SMTPDataError, SMTPException, SMTPNotSupportedError, SMTPRecipientsRefused
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.accounts.selectors.people import list_people_who_may
from chatapp.accounts.selectors.service_accounts import list_owners_of
from chatapp.inference.budgets.meter import BudgetReached
from chatapp.inference.budgets.selectors import lines_of
from chatapp.inference.budgets.standings import Standing, words_of
from chatapp.inference.models import Budget, BudgetAudience, BudgetLevel, BudgetNotice, BudgetUnit

MAILED_FOR = timedelta(days=1)  # So long a mail server that is away is tried again.
MAILS_AT_ONCE = 20
# What is wrong with one address or its mail; all else is wrong with the server, and what is left waits for it.
_REFUSED = (SMTPRecipientsRefused, SMTPDataError, SMTPNotSupportedError, ValueError)
log = structlog.get_logger(__name__)


def tell_once(*, user: User, reached: BudgetReached) -> bool:
    """True the first time in the period that the person is told of this budget."""
    return _note(reached.standing, audience=BudgetAudience.PERSON, level=BudgetLevel.SOFT, user_id=user.pk) is not None


def note_reached() -> list[BudgetNotice]:
    """What reached a limit and nobody who sets budgets was told of yet in this period; stored, so told once."""
    lines = lines_of(list(Budget.objects.select_related("user", "group")))
    noted = [
        _note(standing, audience=BudgetAudience.MANAGERS, level=standing.level, user_id=standing.user_id)
        for line in lines
        for standing in line.standings
        if standing.level is not None
    ]
    return [notice for notice in noted if notice is not None]


@transaction.atomic
def _note(
    standing: Standing, *, audience: BudgetAudience, level: BudgetLevel, user_id: UUID | None
) -> BudgetNotice | None:
    """None where it was noted before, or where the budget is gone: the standing may be some seconds old."""
    budget, starts_on = standing.budget, standing.period.starts_on
    key: dict[str, Any] = {"audience": audience, "user_id": user_id, "level": level, "starts_on": starts_on}
    if BudgetNotice.objects.filter(budget_id=budget.pk, **key).exists():
        return None
    # Locked, so that it is not removed before the notice is stored.
    if Budget.objects.select_for_update(no_key=True).filter(pk=budget.pk).first() is None:
        return None
    notice, is_new = BudgetNotice.objects.get_or_create(budget=budget, **key, defaults={"spent": standing.spent})
    return notice if is_new else None


def mail_notices() -> int:
    """To those who set budgets, and to who answers for a service account. Returns how many notices went out.

    What the mail server does not take is tried again for a day. Without MAIL_HOST the console alone tells them.
    """
    if not settings.EMAIL_HOST:
        return 0
    waiting = BudgetNotice.objects.filter(
        audience=BudgetAudience.MANAGERS, mailed_at=None, at__gt=timezone.now() - MAILED_FOR
    )
    due = list(waiting.select_related("budget__user", "budget__group", "user").order_by("at", "pk")[:MAILS_AT_ONCE])
    managers = list_people_who_may("inference.manage_budgets") if due else []
    sent = 0
    for notice in due:
        # Taken before it is sent: with a slow server this turn may go on when the next one begins.
        if not waiting.filter(pk=notice.pk).update(mailed_at=timezone.now()):
            continue
        try:
            _mail(notice, managers)
        except (SMTPException, OSError) as error:
            BudgetNotice.objects.filter(pk=notice.pk).update(mailed_at=None)
            log.warning("budget_mail_not_sent", notice=notice.pk, reason=type(error).__name__)
            break
        sent += 1
    return sent


def _mail(notice: BudgetNotice, managers: list[User]) -> None:
    """Who cannot be reached keeps nobody from it, nor gets anybody a mail twice. Raises SMTPException, OSError."""
    owners = list_owners_of(notice.user) if notice.user is not None and notice.user.is_service else []
    addresses = {person.email for person in [*managers, *owners] if person.email}
    subject, text = _words_of(notice)
    for address in sorted(addresses):  # One each: nobody is shown whom else it went to.
        try:
            send_mail(subject, text, settings.DEFAULT_FROM_EMAIL, [address])
        except _REFUSED as error:
            log.warning("budget_mail_refused", notice=notice.pk, reason=type(error).__name__)


def _words_of(notice: BudgetNotice) -> tuple[str, str]:
    budget = notice.budget
    unit = BudgetUnit(budget.unit)
    who = notice.user.username if notice.user is not None else f"The group {budget.subject_name}"
    limit = words_of(notice.limit or notice.spent, unit)
    effect = "Questions are refused" if notice.level == BudgetLevel.HARD else "Nothing is refused"
    # A name is no place for a second header.
    subject = " ".join(f"Chatapp: {who} reached the {notice.level} limit of a budget".split())
    text = (
        f"{who} has used {words_of(notice.spent, unit)} in the {budget.period} from {notice.starts_on:%-d %B %Y}.\n"
        f"That is the {notice.level} limit of {limit} a {budget.period}. {effect} by it now.\n"
    )
    return subject, text
