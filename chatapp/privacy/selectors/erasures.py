import hashlib
import hmac
import json
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can
from chatapp.errors import ChatappError
from chatapp.privacy.models import Erasure, ErasureStatus

OPEN = (ErasureStatus.COOLING_OFF, ErasureStatus.HELD)


def list_erasures_for(user: User) -> QuerySet[Erasure]:
    """All for whoever manages privacy, else those about oneself."""
    erasures = Erasure.objects.select_related("person", "requested_by")
    return erasures if can(user, "privacy.manage") else erasures.filter(person=user)


def get_erasure_for(user: User, erasure_id: UUID) -> Erasure:
    """Raises ChatappError("not_found")."""
    erasure = list_erasures_for(user).filter(id=erasure_id).first()
    if erasure is None:
        raise ChatappError("not_found")
    return erasure


def find_open_erasure(user: User) -> Erasure | None:
    return Erasure.objects.filter(person=user, status__in=OPEN).first()


def sign_receipt(receipt: dict[str, Any]) -> str:
    """HMAC-SHA256 by SECRET_KEY over canonical JSON."""
    text = json.dumps(receipt, sort_keys=True, separators=(",", ":"))
    return hmac.new(f"erasure receipt {settings.SECRET_KEY}".encode(), text.encode(), hashlib.sha256).hexdigest()


def is_genuine(erasure: Erasure) -> bool:
    return hmac.compare_digest(sign_receipt(erasure.receipt), erasure.signature)
