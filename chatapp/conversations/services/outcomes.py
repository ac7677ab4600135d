"""What an answer was like, as rollouts, gates and alerts judge it."""

from typing import Any

from django.db.models import Count, Q

from chatapp.conversations.models import TRIALS, Generation, Source, Status
from chatapp.conversations.selectors import weak_sources
from chatapp.inference import routing
from chatapp.inference.models import Arm
from chatapp.inference.refusals import is_refusal


def describe_outcome(generation: Generation) -> dict[str, Any]:
    """Columns of its outcome. Loaded with `rollout` and `message__conversation`."""
    message, is_complete = generation.message, generation.status == Status.COMPLETE
    is_used, is_weak = Q(cited=True), Q(n__in=weak_sources(message))
    sources = Source.objects.filter(message_id=generation.message_id).aggregate(
        all=Count("pk"), used=Count("pk", filter=is_used), good=Count("pk", filter=is_used & ~is_weak)
    )
    return {
        "sources": sources["all"],
        "cited": sources["used"],
        "supported": sources["good"],
        "route": generation.route_id,
        "rollout_id": generation.rollout_id,
        "arm": arm_of(generation),
        "error_code": generation.error_code,
        "is_refusal": is_complete and is_refusal(message.text),
        "is_cut": _is_cut(generation),
        "is_trial": message.conversation.origin in TRIALS,
        "is_fallback": generation.fallback_from_id is not None,
        "is_cached": generation.is_cached,
    }


def arm_of(generation: Generation) -> str:
    """Where the draw sent it, also when a fallback answered in the end. None had what a caller or a rule decided."""
    rollout = generation.rollout
    if rollout is None or generation.is_pinned or generation.rule_id is not None:
        return ""
    began = generation.fallback_from_id or generation.version_id
    if began is None:  # No worker ever had it.
        is_drawn = generation.draw < rollout.share * routing.DRAWS / 100
        return Arm.CANDIDATE if is_drawn else Arm.BASELINE
    return {rollout.baseline_id: Arm.BASELINE, rollout.candidate_id: Arm.CANDIDATE}.get(began, "")


def _is_cut(generation: Generation) -> bool:
    """Ended at its token limit, or without a word."""
    is_empty = generation.status == Status.COMPLETE and not generation.message.text.strip()
    return generation.finish_reason == "length" or generation.error_code == "empty_answer" or is_empty
