"""The benchmark of the review queue, small: it finds no fault in the product, and finds those that are made."""

import pytest

from benchmarks.moderation.claims import find_faults, make_flags, make_reviewer, review_all
from chatapp.accounts.models import AuditEvent
from chatapp.moderation.models import Flag, FlagDecision

REVIEWERS, FLAGS = 20, 200


@pytest.mark.django_db(transaction=True)
def test_twenty_reviewers_at_once_decide_every_flag_once() -> None:
    make_flags(FLAGS)
    took = review_all([make_reviewer(f"reviewer-{number}") for number in range(REVIEWERS)])
    assert (took.errors, find_faults(FLAGS)) == ([], [])
    assert len(took.decisions) == FLAGS + FLAGS // 4
    event, decision = AuditEvent.objects.filter(action="moderation.flag_claimed").first(), FlagDecision.objects.first()
    assert event
    assert decision
    Flag.objects.filter(id=event.object_id).update(status="open")
    FlagDecision.objects.create(flag=decision.flag, actor=decision.actor, decision="uphold")
    assert len(find_faults(FLAGS)) == 3
