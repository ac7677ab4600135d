from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils import timezone

from chatapp.accounts.models import SignIn, User
from chatapp.accounts.selectors.sign_ins import list_sign_ins_for, list_sign_ins_over
from chatapp.accounts.services.audit import record_event
from chatapp.accounts.signals import AccessChange, announce_access_change
from chatapp.errors import ChatappError


@dataclass(frozen=True, slots=True)
class Voucher:
    """What an identity provider said of the session in which somebody signs in."""

    method: SignIn.Method
    provider: str
    subject: str
    sid: str = ""
    id_token: str = ""


@transaction.atomic
def start_sign_in(
    *, user: User, session_key: str, voucher: Voucher | None = None, address: str | None = None, user_agent: str = ""
) -> SignIn:
    """Note that this session is the user's now; what is left of sessions that are over goes."""
    _end(list_sign_ins_over(user))
    SignIn.objects.filter(session_key=session_key).delete()
    now = timezone.now()
    voucher = voucher or Voucher(SignIn.Method.LOCAL, "", "")
    return SignIn.objects.create(
        user=user,
        session_key=session_key,
        method=voucher.method,
        provider=voucher.provider,
        subject=voucher.subject[:255],
        sid=voucher.sid[:255],
        id_token=voucher.id_token,
        address=address,
        user_agent=user_agent[:200],
        started_at=now,
        last_seen_at=now,
    )


def touch_sign_in(*, session_key: str) -> None:
    SignIn.objects.filter(session_key=session_key).update(last_seen_at=timezone.now())


@transaction.atomic
def forget_sign_in(*, session_key: str) -> None:
    """The session ends by itself; its sockets end with it."""
    _end(SignIn.objects.filter(session_key=session_key))


@transaction.atomic
def end_sign_ins(*, sign_ins: Iterable[SignIn], actor: User | None, reason: str) -> int:
    """End these sessions now, with their sockets; gives their number. `reason` is a word for the audit log."""
    ended = _end(sign_ins)
    for sign_in in ended:
        record_event(
            actor=actor,
            action="session.ended",
            obj=sign_in.user,
            detail={"sign_in": str(sign_in.pk), "method": sign_in.method, "why": reason},
        )
    return len(ended)


@transaction.atomic
def end_own_sign_in(*, user: User, sign_in_id: UUID) -> None:
    """Raises ChatappError("not_found") unless it is a session of the user."""
    found = list_sign_ins_for(user).filter(pk=sign_in_id).select_related("user")
    if not end_sign_ins(sign_ins=found, actor=user, reason="by its user"):
        raise ChatappError("not_found")


def end_other_sign_ins(*, user: User, session_key: str) -> int:
    others = SignIn.objects.filter(user=user).exclude(session_key=session_key).select_related("user")
    return end_sign_ins(sign_ins=others, actor=user, reason="by its user")


def _end(sign_ins: Iterable[SignIn]) -> list[SignIn]:
    ended = list(sign_ins)
    keys = [sign_in.session_key for sign_in in ended]
    if keys:
        Session.objects.filter(session_key__in=keys).delete()
        SignIn.objects.filter(session_key__in=keys).delete()
    for sign_in in ended:
        announce_access_change(sign_in.user_id, AccessChange.SIGNED_OUT, session_key=sign_in.session_key)
    return ended
