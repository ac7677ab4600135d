"""Who meets new models first, of their own will."""

from django.db import transaction

from chatapp.accounts.models import User
from chatapp.accounts.services import record_event
from chatapp.inference.models import PilotMember


@transaction.atomic
def join_pilot(*, user: User) -> None:
    """From the next question on, in every rollout with a pilot phase."""
    _, is_new = PilotMember.objects.get_or_create(user=user)
    if is_new:
        record_event(actor=user, action="inference.pilot_joined", obj=user)


@transaction.atomic
def leave_pilot(*, user: User) -> None:
    """From the next question on they meet a candidate when their draw says so, as everybody."""
    gone, _ = PilotMember.objects.filter(user=user).delete()
    if gone:
        record_event(actor=user, action="inference.pilot_left", obj=user)
