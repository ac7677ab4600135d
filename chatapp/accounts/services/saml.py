"""Assertions of identity providers: each is accepted once, and taken once by the browser that asked for it."""

import hashlib
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from chatapp.accounts.models import SamlAssertion

_KEPT_LONGER = timedelta(minutes=10)
_TAKEN_WITHIN = timedelta(minutes=2)


def keep_assertion(
    *, provider: str, assertion_id: str, in_response_to: str, claims: dict[str, Any], expires_at: datetime
) -> bool:
    """False when it was kept before, or another one that answers the same request: a replay.

    The record is in PostgreSQL, so it holds for all processes and without Redis.
    """
    SamlAssertion.objects.filter(expires_at__lt=timezone.now() - _KEPT_LONGER).delete()
    try:
        with transaction.atomic():
            SamlAssertion.objects.create(
                provider=provider,
                digest=hashlib.sha256(assertion_id.encode()).hexdigest(),
                in_response_to=in_response_to,
                claims=claims,
                expires_at=max(expires_at, timezone.now() + _TAKEN_WITHIN),
            )
    except IntegrityError:
        return False
    return True


@transaction.atomic
def take_assertion(*, provider: str, in_response_to: str) -> dict[str, Any] | None:
    """Its claims, once; None when there is none or it was taken."""
    waiting = SamlAssertion.objects.select_for_update().filter(provider=provider, in_response_to=in_response_to)
    found = waiting.filter(taken_at=None, expires_at__gt=timezone.now()).first()
    if found is None:
        return None
    claims: dict[str, Any] = found.claims
    found.claims = {}
    found.taken_at = timezone.now()
    found.save(update_fields=["claims", "taken_at"])
    return claims
