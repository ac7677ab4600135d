"""Users that are programs. They never sign in; keys are made for them, and somebody answers for each."""

import re
from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import Group
from django.db import transaction

from chatapp.accounts.models import ApiKey, ServiceAccount, User
from chatapp.accounts.permissions import permissions_of, require
from chatapp.accounts.services.access import disable_user, enable_user
from chatapp.accounts.services.audit import record_event
from chatapp.accounts.services.keys import create_api_key, revoke_api_key
from chatapp.accounts.services.roles import set_roles
from chatapp.errors import ChatappError

MANAGE = "accounts.manage_service_accounts"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


@transaction.atomic
def create_service_account(
    *, actor: User, username: str, purpose: str, roles: Iterable[str], owner: str = "", group: str = ""
) -> ServiceAccount:
    """`owner` is a person's name or `group` a company group's: one of them answers for it.

    Raises ChatappError: forbidden (also for roles that the actor may not give), exists, invalid.
    """
    require(actor, MANAGE)
    if not _NAME.fullmatch(username):
        raise ChatappError("invalid", detail="username: a-z, 0-9, dots, hyphens and underscores, at most 64.")
    if User.objects.filter(username__iexact=username).exists():
        raise ChatappError("exists", what=f"The account {username}")
    user = User(username=username, is_service=True)
    user.set_unusable_password()
    user.save()
    set_roles(user=user, roles=roles, actor=actor)
    responsible = _responsible(owner, group)
    account = ServiceAccount.objects.create(
        user=user, purpose=_checked_purpose(purpose), created_by=actor, **responsible
    )
    detail: dict[str, object] = {"username": username, "purpose": account.purpose, "roles": sorted(set(roles))}
    record_event(actor=actor, action="service_account.created", obj=user, detail=detail, after=_describe(account))
    return account


@transaction.atomic
def change_service_owner(*, actor: User, account: ServiceAccount, owner: str = "", group: str = "") -> None:
    """Somebody else answers for it. Raises ChatappError: forbidden, invalid."""
    require(actor, MANAGE)
    before = _describe(account)
    responsible = _responsible(owner, group)
    account.owner, account.owner_group = responsible["owner"], responsible["owner_group"]
    account.save(update_fields=["owner", "owner_group"])
    record_event(
        actor=actor, action="service_account.owner_changed", obj=account.user, before=before, after=_describe(account)
    )


def create_service_key(*, actor: User, account: ServiceAccount, **options: Any) -> tuple[ApiKey, str]:
    """As `create_api_key`. Raises ChatappError("forbidden") when the account may more than the actor himself."""
    require(actor, MANAGE)
    if not permissions_of(account.user) <= permissions_of(actor):
        raise ChatappError("forbidden")
    return create_api_key(user=account.user, actor=actor, **options)


def revoke_service_key(*, actor: User, key: ApiKey) -> ApiKey:
    """Raises ChatappError("forbidden")."""
    require(actor, MANAGE)
    return revoke_api_key(key=key, actor=actor)


def set_service_active(*, actor: User, account: ServiceAccount, active: bool, reason: str = "") -> None:
    """While it is not active its keys are refused. Raises ChatappError("forbidden")."""
    require(actor, MANAGE)
    if active:
        enable_user(user=account.user, actor=actor, reason=reason)
    else:
        disable_user(user=account.user, actor=actor, reason=reason)


def _responsible(owner: str, group: str) -> dict[str, Any]:
    person = User.objects.filter(username=owner, is_service=False, is_active=True).first() if owner else None
    company_group = Group.objects.filter(name=group).first() if group else None
    if owner and person is None:
        raise ChatappError("invalid", detail="owner: no person of this name has an open account.")
    if group and company_group is None:
        raise ChatappError("invalid", detail="group: there is no company group of this name.")
    if person is None and company_group is None:
        raise ChatappError("invalid", detail="owner: a person or a group must answer for it.")
    return {"owner": person, "owner_group": company_group}


def _checked_purpose(purpose: str) -> str:
    purpose = purpose.strip()
    if not purpose or len(purpose) > 200 or "\0" in purpose:
        raise ChatappError("invalid", detail="purpose: at most 200 characters that say what it is for.")
    return purpose


def _describe(account: ServiceAccount) -> dict[str, object]:
    return {
        "owner": account.owner.username if account.owner else None,
        "group": account.owner_group.name if account.owner_group else None,
    }
