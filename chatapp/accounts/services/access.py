"""Who may come in at all: accounts are closed and opened here, and sessions ended."""

from collections.abc import Iterable

from django.contrib.sessions.models import Session
from django.db import transaction

from chatapp.accounts.models import Role, SignIn, User
from chatapp.accounts.permissions import require
from chatapp.accounts.services.audit import record_event
from chatapp.accounts.services.roles import set_roles
from chatapp.accounts.signals import AccessChange, announce_access_change
from chatapp.errors import ChatappError


@transaction.atomic
def disable_user(*, user: User, actor: User | None, reason: str) -> User:
    """Take all access away: sessions, sockets, API keys, and answers that wait or run. Idempotent.

    Keys are refused while the account is closed and work again once it is opened; sessions are gone for good.
    Raises ChatappError: own_account, last_administrator.
    """
    if actor is not None and actor.pk == user.pk:
        raise ChatappError("own_account")
    require_another_administrator(user=user)
    locked = User.objects.select_for_update().get(pk=user.pk)
    user.is_active = False
    if not locked.is_active:
        return user
    User.objects.filter(pk=user.pk).update(is_active=False)
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

    Raises ChatappError: forbidden, invalid, own_account, last_administrator.
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


def require_another_administrator(*, user: User) -> None:
    """Lock the administrators until the end of the transaction, so that two never step back at once.

    Raises ChatappError("last_administrator") when no other active person has the role that `user` has.
    """
    active = User.objects.filter(is_active=True, is_service=False, roles__contains=[Role.ADMINISTRATOR.value])
    found = set(active.select_for_update().order_by("pk").values_list("pk", flat=True))
    if found == {user.pk}:
        raise ChatappError("last_administrator")


def _delete_sessions(user: User) -> int:
    sign_ins = SignIn.objects.filter(user=user)
    Session.objects.filter(session_key__in=list(sign_ins.values_list("session_key", flat=True))).delete()
    return sign_ins.delete()[0]
