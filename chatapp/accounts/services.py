import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import Model, Q
from django.db.models.functions import Now
from django.utils import timezone

from chatapp.accounts.models import ApiKey, AuditEvent, User
from chatapp.accounts.selectors import digest_of_key

_KEY_MARK = "ca_"  # lets secret scanners recognise a leaked key
_LAST_USED_RESOLUTION = timedelta(minutes=1)
_MAX_GROUPS = 200


def record_event(
    *, actor: User | None, action: str, obj: Model | None = None, detail: dict[str, object] | None = None
) -> AuditEvent:
    """Write one audit event in the caller's transaction; `detail` is JSON and never holds message text or secrets."""
    return AuditEvent.objects.create(
        actor=actor,
        actor_name=actor.username if actor else "",
        action=action,
        object_type=obj._meta.label if obj else "",  # noqa: SLF001 (Django's public name for it)
        object_id=str(obj.pk) if obj else "",
        detail=detail or {},
    )


@transaction.atomic
def create_api_key(
    *, user: User, name: str = "", read_only: bool = False, expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """The stored key and the raw key, which is shown once and cannot be recovered."""
    raw = _KEY_MARK + secrets.token_urlsafe(32)
    key = ApiKey.objects.create(
        user=user, name=name, prefix=raw[:12], digest=digest_of_key(raw), read_only=read_only, expires_at=expires_at
    )
    record_event(actor=user, action="api_key.created", obj=key, detail={"name": name, "read_only": read_only})
    return key, raw


@transaction.atomic
def revoke_api_key(*, key: ApiKey, actor: User) -> ApiKey:
    if key.revoked_at is None:
        key.revoked_at = timezone.now()
        key.save(update_fields=["revoked_at"])
        record_event(actor=actor, action="api_key.revoked", obj=key)
    return key


def touch_api_key(*, key: ApiKey) -> None:
    """Note the use at most once a minute, so that a busy key does not cost a write per request."""
    stale = Q(last_used_at=None) | Q(last_used_at__lt=Now() - _LAST_USED_RESOLUTION)
    if key.last_used_at is None or key.last_used_at < timezone.now() - _LAST_USED_RESOLUTION:
        ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=Now())


@transaction.atomic
def set_company_groups(*, user: User, names: Iterable[str]) -> None:
    """Make the user's company groups exactly these, as the identity provider says; a change is audited."""
    wanted = sorted({name.strip()[:150] for name in names if name.strip()})[:_MAX_GROUPS]
    if wanted == sorted(user.groups.values_list("name", flat=True)):
        return
    user.groups.set([Group.objects.get_or_create(name=name)[0] for name in wanted])
    record_event(actor=user, action="user.groups_synchronized", obj=user, detail={"groups": wanted})
