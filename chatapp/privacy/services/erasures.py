"""Erasing one person: asked for, thought over, done, and proved by a receipt."""

from datetime import timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone

from chatapp.accounts.models import SignIn, User
from chatapp.accounts.permissions import require
from chatapp.accounts.services import disable_user, record_event
from chatapp.accounts.services.roles import require_another_administrator
from chatapp.errors import ChatappError
from chatapp.holds import covers_person
from chatapp.privacy.models import Erasure, ErasureStatus
from chatapp.privacy.selectors.erasures import OPEN, get_erasure_for, sign_receipt
from chatapp.privacy.services.erasing import erase_data, verify_erased

log = structlog.get_logger(__name__)
MAX_REASON_CHARACTERS = 1000


def request_erasure(*, user: User, person: User, confirmation: str, reason: str = "") -> Erasure:
    """`confirmation` is the person's user name, typed once more. It begins after the cooling-off time.

    Raises ChatappError: forbidden (another person, without privacy.manage), invalid, erasure_open,
    last_administrator, last_way_in, under_hold.
    """
    if user.pk != person.pk:
        require(user, "privacy.manage")
    if confirmation != person.username:
        raise ChatappError("invalid", detail="type the user name exactly as it is shown.")
    if covers_person(person.pk):
        raise ChatappError("under_hold")
    due_at = timezone.now() + timedelta(hours=settings.ERASURE_COOLING_OFF_HOURS)
    try:
        with transaction.atomic():
            require_another_administrator(user=person)
            erasure = Erasure.objects.create(
                person=person, requested_by=user, reason=reason.replace("\0", "")[:MAX_REASON_CHARACTERS], due_at=due_at
            )
            record_event(actor=user, action="privacy.erasure_requested", obj=erasure, detail={"person": str(person.pk)})
    except IntegrityError:
        raise ChatappError("erasure_open") from None
    return erasure


@transaction.atomic
def cancel_erasure(*, user: User, erasure_id: UUID) -> Erasure:
    """While it has not begun. Raises ChatappError: not_found, erasure_over."""
    erasure = get_erasure_for(user, erasure_id)
    waiting = Erasure.objects.filter(id=erasure.id, status__in=OPEN)
    if not waiting.update(status=ErasureStatus.CANCELLED, finished_at=Now()):
        raise ChatappError("erasure_over")
    record_event(actor=user, action="privacy.erasure_cancelled", obj=erasure)
    return get_erasure_for(user, erasure_id)


def run_due_erasures() -> int:
    """Returns how many were done. One that fails is tried again with the next run."""
    due = Erasure.objects.filter(status__in=OPEN, due_at__lte=Now()).select_related("person")
    done = 0
    for erasure in due.order_by("due_at"):
        try:
            done += _run(erasure)
        except Exception:
            log.exception("erasure_failed", erasure=str(erasure.id))
    return done


def _run(erasure: Erasure) -> bool:
    person = erasure.person
    if covers_person(person.pk):
        Erasure.objects.filter(id=erasure.id, status__in=OPEN).update(status=ErasureStatus.HELD)
        return False
    known = [word for word in (person.username, person.email) if word]
    sessions = SignIn.objects.filter(user=person).count()
    disable_user(user=person, actor=None, reason="erasure")
    removed = {**erase_data(person), "sessions": sessions}
    receipt = {
        "erasure": str(erasure.id),
        "person": str(person.pk),
        "requested_at": erasure.created_at.isoformat(),
        "done_at": timezone.now().isoformat(),
        "removed": removed,
        **verify_erased(person, known),
    }
    with transaction.atomic():
        Erasure.objects.filter(id=erasure.id).update(
            status=ErasureStatus.DONE, finished_at=Now(), receipt=receipt, signature=sign_receipt(receipt), reason=""
        )
        record_event(actor=None, action="privacy.erased", obj=erasure, detail={"person": str(person.pk)})
    return True
