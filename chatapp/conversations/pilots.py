"""Answers of models on trial, for those who asked to try them first."""

from collections.abc import Mapping
from uuid import UUID

from chatapp.accounts.models import User
from chatapp.conversations.models import Generation
from chatapp.inference.routing import FIRST_DRAW
from chatapp.inference.selectors import is_pilot_member, list_candidates


def pilots_of(user: User, runs: Mapping[UUID, Generation]) -> dict[UUID, str]:
    """By message: the name of the candidate that wrote it.

    Nothing is looked up unless some draw was the first one, as those of the pilot are.
    """
    first = {message_id: run for message_id, run in runs.items() if run.rollout_id and run.draw == FIRST_DRAW}
    if not first or not is_pilot_member(user):
        return {}
    candidates = list_candidates({run.rollout_id for run in first.values() if run.rollout_id})
    return {
        message_id: run.version.name
        for message_id, run in first.items()
        if run.version is not None and candidates.get(run.rollout_id) == run.version.pk and not run.is_live
    }
