import hashlib
from datetime import UTC, datetime
from uuid import UUID

from django.db.models import Q, QuerySet, Sum
from django.db.models.functions import Coalesce, Now

from chatapp.accounts.models import ApiKey, User
from chatapp.errors import ChatappError


def digest_of_key(raw: str) -> str:
    return hashlib.sha256(raw.encode(errors="replace")).hexdigest()


def get_api_key(raw: str) -> ApiKey | None:
    """The key with its user when it may be used now: not revoked, not expired, and its user is active."""
    usable = Q(expires_at=None) | Q(expires_at__gt=Now())
    found = ApiKey.objects.select_related("user").filter(usable, digest=digest_of_key(raw), revoked_at=None)
    return found.filter(user__is_active=True).first()


def list_api_keys_for(user: User) -> QuerySet[ApiKey]:
    """The user's own keys, newest first, each with the tokens that it used today (UTC)."""
    today = Q(usage__day=datetime.now(tz=UTC).date())
    keys = (
        ApiKey.objects.select_related("created_by", "user")
        .filter(user=user)
        .annotate(tokens_today=Coalesce(Sum("usage__tokens", filter=today), 0))
    )
    return keys.order_by("-created_at", "-id")


def get_api_key_for(user: User, key_id: UUID) -> ApiKey:
    """An own key. Raises ChatappError("not_found")."""
    key = ApiKey.objects.filter(user=user, pk=key_id).first()
    if key is None:
        raise ChatappError("not_found")
    return key
