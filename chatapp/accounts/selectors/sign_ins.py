from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

from chatapp.accounts.models import SignIn, User


def list_sign_ins_for(user: User) -> QuerySet[SignIn]:
    """The user's own sessions that are alive, the one seen last first."""
    return list_sign_ins_alive().filter(user=user)


def list_sign_ins_at(*, provider: str, subject: str = "", sid: str = "") -> QuerySet[SignIn]:
    """Sessions that began at this provider, for the provider itself: of one session there, or of one subject.

    With both, those of the subject that never learned what their session is called there are meant as well.
    """
    if sid:
        named = Q(sid=sid, **({"subject": subject} if subject else {}))
        named |= Q(sid="", subject=subject) if subject else Q(pk__in=[])
    else:
        named = Q(subject=subject) if subject else Q(pk__in=[])
    return SignIn.objects.filter(named, provider=provider).select_related("user")


def get_sign_in_by_session(session_key: str | None) -> SignIn | None:
    return SignIn.objects.filter(session_key=session_key).first() if session_key else None


def list_sign_ins_over(user: User) -> QuerySet[SignIn]:
    oldest, quietest = _limits()
    return SignIn.objects.filter(Q(started_at__lte=oldest) | Q(last_seen_at__lte=quietest), user=user)


def list_sign_ins_alive() -> QuerySet[SignIn]:
    oldest, quietest = _limits()
    return SignIn.objects.filter(started_at__gt=oldest, last_seen_at__gt=quietest)


def _limits() -> tuple[datetime, datetime]:
    now = timezone.now()
    oldest = now - timedelta(seconds=settings.SESSION_ABSOLUTE_SECONDS)
    return oldest, now - timedelta(seconds=settings.SESSION_IDLE_SECONDS)
