"""Read models over several apps that only the API shows."""

from uuid import UUID

from django.db.models import QuerySet

from chatapp.accounts.models import User
from chatapp.moderation.models import Verdict


def list_verdicts_for(user: User, generation_id: UUID) -> QuerySet[Verdict]:
    """What the policies in force found in the user's own question and its answer; excerpts are for reviewers only."""
    in_force = Verdict.objects.filter(exchange_id=generation_id, exchange__user=user, is_shadow=False)
    return in_force.order_by("stage", "check_name")
