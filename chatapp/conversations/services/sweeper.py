"""Repair: no generation stays "answering" without a live lease, none stays queued past its deadline."""

from datetime import timedelta
from functools import partial

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now

from chatapp.conversations import events
from chatapp.conversations.models import Generation, Status
from chatapp.conversations.services.fallbacks import rescue_stranded
from chatapp.conversations.services.generations import FinishedAnswer, end_generation, record_aftermath
from chatapp.conversations.services.leases import MAX_LOSSES
from chatapp.conversations.services.metering import settle_ended
from chatapp.conversations.streams.reaper import StreamUnavailableError, fence_and_read, forget_text
from chatapp.metrics import count_fault
from chatapp.moderation.models import Action
from chatapp.moderation.policy import SAFE_TEXT, active_policies

DEADLINE_GRACE = timedelta(seconds=30)
log = structlog.get_logger(__name__)


def sweep_when_settled() -> int:
    """As `sweep_generations`, but not while PostgreSQL has only just started.

    Leases ran out while it was away, though their workers live: these get the time of one lease to renew them.
    """
    return 0 if _has_just_started() else sweep_generations()


def sweep_generations() -> int:
    """Returns how many were repaired. Two sweepers at once are harmless: a row is swept by whoever locks it."""
    overdue = Q(status=Status.ANSWERING) & (Q(lease_until__lt=Now()) | Q(deadline_at__lt=Now() - DEADLINE_GRACE))
    expired = Q(status=Status.QUEUED) & (Q(deadline_at__lt=Now()) | Q(user__is_active=False))
    swept = 0
    for generation_id in Generation.objects.filter(overdue | expired).values_list("id", flat=True):
        with transaction.atomic():
            found = Generation.objects.select_for_update(skip_locked=True, of=("self",)).filter(overdue | expired)
            generation = found.select_related("message__parent", "version", "user").filter(id=generation_id).first()
            if generation is None:
                continue
            _repair(generation)
        swept += 1
        record_aftermath(generation_id)
    settle_ended()
    return swept + rescue_stranded()


def _has_just_started() -> bool:
    with connection.cursor() as cursor:
        lease = settings.LEASE_SECONDS
        cursor.execute("SELECT now() - pg_postmaster_start_time() < make_interval(secs => %s)", [lease])
        return bool(cursor.fetchone()[0])


def _repair(generation: Generation) -> None:
    if generation.status == Status.QUEUED:
        end_generation(generation, FinishedAnswer(status=Status.FAILED, text="", error_code="queue_timeout"))
        return
    try:
        shown = fence_and_read(generation.id, generation.attempt, generation.checkpoint, generation.checkpoint_seq)
        proven = True
    except StreamUnavailableError:
        shown, proven = generation.checkpoint, False
    log.warning("lease_expired", generation=str(generation.id), attempt=generation.attempt, shown=len(shown))
    count_fault("worker_lost")
    losses = generation.losses + 1
    if shown or not proven or generation.stop_requested:
        finished = _take_over(generation, shown)
        if finished.text != shown:
            transaction.on_commit(partial(forget_text, generation.id))
        end_generation(generation, finished)
    elif losses < MAX_LOSSES:
        Generation.objects.filter(id=generation.id).update(
            status=Status.QUEUED, losses=losses, lease_owner="", lease_until=None
        )
        transaction.on_commit(events.wake_workers)
    else:
        count_fault("quarantined")
        end_generation(generation, FinishedAnswer(status=Status.FAILED, text="", error_code="worker_lost"))


def _take_over(generation: Generation, shown: str) -> FinishedAnswer:
    """The text that was shown, without what the checks would have found that delay nothing."""
    status = Status.STOPPED if generation.stop_requested else Status.INTERRUPTED
    policies = active_policies(user=generation.user, route=generation.route_id)
    decision, question = policies.check_late(shown), generation.message.parent
    asked = policies.watch_input(question.text if question else "", external=False)
    asked.settle()
    findings = (*asked.findings, *decision.findings)
    if shown and (asked.retracted or decision.action == Action.BLOCK):
        return FinishedAnswer(
            status=Status.RETRACTED,
            text=SAFE_TEXT,
            original=shown,
            findings=findings,
            finish_reason="content_filter",
        )
    return FinishedAnswer(status=status, text=decision.text, findings=findings, error_code="worker_lost")
