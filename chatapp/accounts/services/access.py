"""Who may come in at all: accounts are closed and opened here, and sessions ended."""

from collections.abc import Iterable

from django.contrib.sessions.models import Session
from django.db import transaction

from chatapp.accounts.models import SignIn, User
from chatapp.accounts.permissions import require
from chatapp.accounts.services.audit import record_event
from chatapp.accounts.services.roles import one_administrator_remaining, set_roles
from chatapp.accounts.signals import AccessChange, announce_access_change
from chatapp.errors import ChatappError


@transaction.atomic
def disable_user(*, user: User, actor: User | None, reason: str) -> User:
    """Take all access away: sessions, sockets, API keys, and answers that wait or run. Idempotent.

    Keys are refused while the account is closed and work again once it is opened; sessions are gone for good.
    Raises ChatappError: own_account, last_administrator, last_way_in.
    """
    if actor is not None and actor.pk == user.pk:
        raise ChatappError("own_account")
    with one_administrator_remaining():
        closed = User.objects.filter(pk=user.pk, is_active=True).update(is_active=False)
    user.is_active = False
    if not closed:
        return user
    ended = _delete_sessions(user)
    record_event(
        actor=actor,
        action="user.disabled",
        obj=user,
        detail={"sessions": ended},
        before={"active": True},
        after={"active": False},
        reason=reason,
    )
    announce_access_change(user.pk, AccessChange.DISABLED)
    return user


@transaction.atomic
def enable_user(*, user: User, actor: User | None, reason: str) -> User:
    """Open a closed account again. Idempotent."""
    user.is_active = True
    if User.objects.filter(pk=user.pk, is_active=False).update(is_active=True):
        record_event(
            actor=actor,
            action="user.enabled",
            obj=user,
            before={"active": False},
            after={"active": True},
            reason=reason,
        )
        announce_access_change(user.pk, AccessChange.RIGHTS)
    return user


@transaction.atomic
def change_person(
    *, person: User, actor: User, active: bool | None = None, roles: Iterable[str] | None = None, reason: str = ""
) -> None:
    """What an administrator may change of somebody: all of it or nothing. None leaves it as it is.

    Raises ChatappError: forbidden, invalid, own_account, last_administrator, last_way_in.
    """
    require(actor, "accounts.manage_users")
    if roles is not None:
        set_roles(user=person, roles=roles, actor=actor, reason=reason)
    if active is True:
        enable_user(user=person, actor=actor, reason=reason)
    if active is False:
        disable_user(user=person, actor=actor, reason=reason)


@transaction.atomic
def sign_out_everywhere(*, user: User, actor: User | None, reason: str = "") -> int:
    """End all sessions of the user and their sockets. Returns how many sessions there were."""
    ended = _delete_sessions(user)
    record_event(actor=actor, action="user.signed_out", obj=user, detail={"sessions": ended}, reason=reason)
    announce_access_change(user.pk, AccessChange.SIGNED_OUT)
    return ended


def _delete_sessions(user: User) -> int:
    sign_ins = SignIn.objects.filter(user=user)
    Session.objects.filter(session_key__in=list(sign_ins.values_list("session_key", flat=True))).delete()
    return sign_ins.delete()[0]
