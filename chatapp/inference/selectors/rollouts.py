"""Rollouts, as those who operate models see them."""

from collections.abc import Collection
from uuid import UUID

from django.db.models import QuerySet

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can
from chatapp.errors import ChatappError
from chatapp.inference.models import LIVE_ROLLOUT, PilotMember, Rollout


def list_rollouts_for(user: User) -> QuerySet[Rollout]:
    """Newest first; none for those who do not operate models."""
    rollouts = Rollout.objects.select_related("route", "baseline", "candidate", "pilot_group", "started_by")
    return rollouts if can(user, "inference.view_rollout") else rollouts.none()


def get_rollout_for(user: User, rollout_id: UUID) -> Rollout:
    """Raises ChatappError("not_found")."""
    rollout = list_rollouts_for(user).filter(id=rollout_id).first()
    if rollout is None:
        raise ChatappError("not_found")
    return rollout


def list_live_rollouts() -> list[Rollout]:
    """For metrics; no user's rights count here."""
    return list(Rollout.objects.filter(state__in=LIVE_ROLLOUT).select_related("candidate"))


def list_candidates(rollout_ids: Collection[UUID]) -> dict[UUID | None, UUID]:
    """The candidate's id by the rollout's, whatever became of it since."""
    found = Rollout.objects.filter(pk__in=rollout_ids)
    return dict(found.values_list("pk", "candidate_id"))


def is_in_pilot(rollout: Rollout, user: User) -> bool:
    """By the rollout's group, or because the user asked to try new models first."""
    if rollout.pilot_group_id is not None and user.groups.filter(pk=rollout.pilot_group_id).exists():
        return True
    return rollout.has_pilot and is_pilot_member(user)


def is_pilot_member(user: User) -> bool:
    return PilotMember.objects.filter(pk=user.pk).exists()
