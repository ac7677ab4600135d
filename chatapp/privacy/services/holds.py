from uuid import UUID

from django.db import transaction
from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.accounts.permissions import require
from chatapp.accounts.services import record_event
from chatapp.errors import ChatappError
from chatapp.privacy.models import HoldScope, LegalHold
from chatapp.privacy.selectors.holds import get_hold_for
from chatapp.retrieval.models import Collection

MAX_REASON_CHARACTERS = 1000


@transaction.atomic
def place_hold(*, user: User, scope: str, name: str, reason: str) -> LegalHold:
    """`name` is a person's user name or a collection's slug. Raises ChatappError: forbidden, invalid."""
    require(user, "privacy.manage")
    reason = reason.replace("\0", "").strip()
    if not reason or len(reason) > MAX_REASON_CHARACTERS:
        raise ChatappError("invalid", detail=f"a hold needs a reason of 1 to {MAX_REASON_CHARACTERS:,} characters.")
    hold = LegalHold(scope=scope, reason=reason, placed_by=user)
    if scope == HoldScope.PERSON:
        hold.person = User.objects.filter(username=name.replace("\0", "")).first()
    elif scope == HoldScope.COLLECTION:
        hold.collection = Collection.objects.filter(slug=name.replace("\0", "")).first()
    elif scope != HoldScope.EVERYONE:
        raise ChatappError("invalid", detail=f"a hold covers one of {', '.join(HoldScope.values)}.")
    if scope != HoldScope.EVERYONE and hold.person is None and hold.collection is None:
        raise ChatappError("invalid", detail=f"there is no {scope} of that name.")
    hold.save(force_insert=True)
    record_event(actor=user, action="privacy.hold_placed", obj=hold, detail=_covered(hold), reason=reason)
    return hold


@transaction.atomic
def release_hold(*, user: User, hold_id: UUID) -> LegalHold:
    """What was kept for it goes with the next run of retention, unless another hold covers it.

    Raises ChatappError: not_found, forbidden.
    """
    hold = get_hold_for(user, hold_id)
    require(user, "privacy.manage")
    if LegalHold.objects.filter(id=hold.id, released_at=None).update(released_at=timezone.now(), released_by=user):
        record_event(actor=user, action="privacy.hold_released", obj=hold, detail=_covered(hold))
    return get_hold_for(user, hold_id)


def _covered(hold: LegalHold) -> dict[str, object]:
    """Ids only: a name could not leave the record with an erasure."""
    return {"scope": hold.scope, "covers": str(hold.person_id or hold.collection_id or "")}
