"""Which legal holds stand, and what they cover."""

from uuid import UUID

from django.db.models import Q, QuerySet

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can
from chatapp.errors import ChatappError
from chatapp.privacy.models import HoldScope, LegalHold

EVERYONE = Q(scope=HoldScope.EVERYONE)


def standing() -> QuerySet[LegalHold]:
    return LegalHold.objects.filter(released_at=None)


class StoredHolds:
    """The register of `chatapp.holds`."""

    def covers_person(self, user_id: UUID) -> bool:
        return standing().filter(EVERYONE | Q(person_id=user_id)).exists()

    def covers_collection(self, collection_id: UUID) -> bool:
        return standing().filter(EVERYONE | Q(collection_id=collection_id)).exists()


def list_holds_for(user: User) -> QuerySet[LegalHold]:
    holds = LegalHold.objects.select_related("person", "collection", "placed_by", "released_by")
    return holds if can(user, "privacy.manage") else holds.none()


def get_hold_for(user: User, hold_id: UUID) -> LegalHold:
    """Raises ChatappError("not_found")."""
    hold = list_holds_for(user).filter(id=hold_id).first()
    if hold is None:
        raise ChatappError("not_found")
    return hold
