import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from chatapp.accounts.models import ApiKey, ApiKeyUsage, User
from chatapp.accounts.scopes import SCOPES
from chatapp.accounts.selectors import digest_of_key
from chatapp.accounts.services.audit import record_event
from chatapp.errors import ChatappError

MOST_KEYS = 100  # Of one user that may be used now.
MOST_NAME_CHARACTERS = 100
_KEY_MARK = "ca_"  # lets secret scanners recognise a leaked key
_LAST_USED_RESOLUTION = timedelta(minutes=1)


@transaction.atomic
def create_api_key(
    *,
    user: User,
    actor: User | None = None,
    name: str = "",
    read_only: bool = False,
    scopes: Sequence[str] = (),
    expires_at: datetime | None = None,
    requests_per_minute: int | None = None,
    tokens_per_day: int | None = None,
) -> tuple[ApiKey, str]:
    """The stored key and the raw key, which is shown once and cannot be recovered.

    Without `scopes` it may do what `user` may; without `expires_at` it ends after API_KEY_DAYS. `actor` makes it, by
    default the user. Raises ChatappError: invalid (an unknown scope, an end after API_KEY_MAX_DAYS, a name that is too
    long or cannot be shown), too_many_keys.
    """
    if len(name) > MOST_NAME_CHARACTERS or not name.isprintable():
        raise ChatappError("invalid", detail=f"a name has up to {MOST_NAME_CHARACTERS} characters that can be shown.")
    _refuse_unsound(user, scopes, expires_at)
    raw = _KEY_MARK + secrets.token_urlsafe(32)
    key = ApiKey.objects.create(
        user=user,
        created_by=actor or user,
        name=name,
        prefix=raw[:12],
        digest=digest_of_key(raw),
        read_only=read_only,
        scopes=sorted(set(scopes)),
        expires_at=expires_at or timezone.now() + timedelta(days=settings.API_KEY_DAYS),
        requests_per_minute=requests_per_minute,
        tokens_per_day=tokens_per_day,
    )
    detail = {"name": name, "user": user.username, "read_only": read_only, "scopes": key.scopes}
    record_event(actor=actor or user, action="api_key.created", obj=key, detail=detail)
    return key, raw


@transaction.atomic
def revoke_api_key(*, key: ApiKey, actor: User) -> ApiKey:
    if key.revoked_at is None:
        key.revoked_at = timezone.now()
        key.save(update_fields=["revoked_at"])
        record_event(actor=actor, action="api_key.revoked", obj=key, detail={"name": key.name})
    return key


def touch_api_key(*, key: ApiKey, address: str | None = None) -> None:
    """Note the use at most once a minute, so that a busy key does not cost a write per request."""
    stale = Q(last_used_at=None) | Q(last_used_at__lt=Now() - _LAST_USED_RESOLUTION)
    if key.last_used_at is None or key.last_used_at < timezone.now() - _LAST_USED_RESOLUTION:
        ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=Now(), last_used_from=address or "")


def add_key_usage(*, key_id: UUID, tokens: int) -> None:
    """To the tokens of today. A key that is gone meanwhile is left out."""
    if not ApiKey.objects.filter(pk=key_id).exists():
        return
    today = datetime.now(tz=UTC).date()
    used, is_new = ApiKeyUsage.objects.get_or_create(key_id=key_id, day=today, defaults={"tokens": tokens})
    if not is_new:
        ApiKeyUsage.objects.filter(pk=used.pk).update(tokens=F("tokens") + tokens)


def _refuse_unsound(user: User, scopes: Sequence[str], expires_at: datetime | None) -> None:
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown:
        raise ChatappError("invalid", detail=f"there is no scope {unknown[0][:32]!r}.")
    latest = timezone.now() + timedelta(days=settings.API_KEY_MAX_DAYS, minutes=1)
    if expires_at is not None and expires_at > latest:
        raise ChatappError("invalid", detail=f"a key lasts at most {settings.API_KEY_MAX_DAYS} days.")
    usable = ApiKey.objects.filter(Q(expires_at=None) | Q(expires_at__gt=Now()), user=user, revoked_at=None)
    if usable.count() >= MOST_KEYS:
        raise ChatappError("too_many_keys", limit=MOST_KEYS)
