import hashlib

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from chatapp.accounts.models import ApiKey, User


def digest_of_key(raw: str) -> str:
    return hashlib.sha256(raw.encode(errors="replace")).hexdigest()


def get_api_key(raw: str) -> ApiKey | None:
    """The key with its user when it may be used now: not revoked, not expired, and its user is active."""
    usable = Q(expires_at=None) | Q(expires_at__gt=Now())
    found = ApiKey.objects.select_related("user").filter(usable, digest=digest_of_key(raw), revoked_at=None)
    return found.filter(user__is_active=True).first()


def list_api_keys_for(user: User) -> QuerySet[ApiKey]:
    return ApiKey.objects.filter(user=user).order_by("-created_at", "-id")
