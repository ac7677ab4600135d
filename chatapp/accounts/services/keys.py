import secrets
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from chatapp.accounts.models import ApiKey, User
from chatapp.accounts.selectors import digest_of_key
from chatapp.accounts.services.audit import record_event

_KEY_MARK = "ca_"  # lets secret scanners recognise a leaked key
_LAST_USED_RESOLUTION = timedelta(minutes=1)


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
