"""A version run over stored exchanges. The row is the queue: a task only says that there is work."""

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID, uuid4

import structlog
from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can, require
from chatapp.accounts.services import record_event
from chatapp.announcer import announce
from chatapp.errors import ChatappError
from chatapp.inference.selectors import list_external_names
from chatapp.leases import UNLEASED
from chatapp.moderation.checks.schema import build_checks
from chatapp.moderation.models import Exchange, PolicyVersion, Replay, ReplayState, ReplayVerdict, Verdict
from chatapp.moderation.replay.batches import Looks, Version, add_up, look_at, verdict_rows
from chatapp.moderation.replay.comparing import Sums
from chatapp.moderation.replay.looking import CheckDownError, runs
from chatapp.moderation.replay.selectors import Sample, count_exchanges, get_replay_for, list_exchanges_after
from chatapp.moderation.selectors import get_policy_for
from chatapp.moderation.services.policies import create_policy_version, lock_policies

log = structlog.get_logger(__name__)

MAX_EXCHANGES = 100_000
MAX_LIVE = 2
KEPT = timedelta(days=90)
# Short, so that documents and other replays get their turn between two slices.
SLICE_SECONDS = 5.0
BATCH = 20
LEASE = timedelta(seconds=120)
RETRY_AFTER = timedelta(seconds=15)
MAX_ATTEMPTS = 3
_LIVE = (ReplayState.WAITING, ReplayState.RUNNING)
_STOPPED = (ReplayState.CANCELLED, ReplayState.FAILED)


@transaction.atomic
def start_replay(*, user: User, policy_id: UUID, since: datetime, until: datetime, with_remote: bool = False) -> Replay:
    """Looks by and by at the exchanges of [since, until), which is cut at this moment, as long as `user` may.

    `with_remote`: checks that ask a service run too, which may cost money. Raises ChatappError: not_found, forbidden,
    invalid, replays_running.
    """
    policy = get_policy_for(user, policy_id)
    require(user, "moderation.manage_policy", policy)
    checks = build_checks(policy.checks)
    if not any(runs(check, with_remote=with_remote) for check in checks):
        raise ChatappError("invalid", detail="no check of this version can be replayed.")
    until = min(until, timezone.now())
    if since >= until:
        raise ChatappError("invalid", detail="since must lie before until, and in the past.")
    total = count_exchanges(since=since, until=until, most=MAX_EXCHANGES + 1)
    if not total:
        raise ChatappError("invalid", detail="no exchange is kept of this period.")
    if total > MAX_EXCHANGES:
        raise ChatappError(
            "invalid", detail=f"the period has more than {MAX_EXCHANGES:,} exchanges. Choose a shorter one."
        )
    _require_room()
    replay = Replay.objects.create(
        policy=policy, since=since, until=until, total=total, with_remote=with_remote, created_by=user
    )
    detail: dict[str, object] = {"policy": str(policy), "since": since.isoformat(), "until": until.isoformat()}
    record_event(actor=user, action="moderation.replay_started", obj=replay, detail=detail)
    _send(replay)
    return replay


@transaction.atomic
def cancel_replay(*, user: User, replay_id: UUID) -> Replay:
    """What was found so far stays. Raises ChatappError: not_found, forbidden, replay_over."""
    replay = get_replay_for(user, replay_id)
    require(user, "moderation.manage_policy", replay.policy)
    live = Replay.objects.filter(pk=replay.pk, state__in=_LIVE)
    if not live.update(state=ReplayState.CANCELLED, lease=None, lease_until=None, finished_at=Now()):
        raise ChatappError("replay_over")
    record_event(actor=user, action="moderation.replay_cancelled", obj=replay)
    return get_replay_for(user, replay_id)


@transaction.atomic
def resume_replay(*, user: User, replay_id: UUID) -> Replay:
    """Goes on behind the last exchange looked at, in the name of `user` from now on.

    Raises ChatappError: not_found, forbidden, replay_not_stopped, replays_running.
    """
    replay = get_replay_for(user, replay_id)
    require(user, "moderation.manage_policy", replay.policy)
    _require_room()
    stopped = Replay.objects.filter(pk=replay.pk, state__in=_STOPPED)
    resumed = stopped.update(
        state=ReplayState.WAITING, error_code="", attempts=0, lease_until=None, finished_at=None, created_by=user
    )
    if not resumed:
        raise ChatappError("replay_not_stopped")
    record_event(actor=user, action="moderation.replay_resumed", obj=replay)
    _send(replay)
    return get_replay_for(user, replay_id)


def draft_with_threshold(*, user: User, replay_id: UUID, check_number: int, threshold: float) -> PolicyVersion:
    """A new draft: the replayed version with another threshold of one check. Raises ChatappError: not_found,
    forbidden, invalid.
    """
    replay = get_replay_for(user, replay_id)
    require(user, "moderation.manage_policy", replay.policy)
    checks = [dict(check) for check in replay.policy.checks]
    if not 0 <= check_number < len(checks):
        raise ChatappError("invalid", detail=f"there is no check {check_number}.")
    checks[check_number]["threshold"] = threshold
    name = checks[check_number].get("name", checks[check_number]["kind"])
    reason = f"{replay.policy} with the threshold {threshold:g} for {name}, chosen from a replay."
    return create_policy_version(user=user, name=replay.policy.name, checks=checks, activate=False, reason=reason)


def record_samples_shown(*, user: User, obj: PolicyVersion | Replay, samples: Sequence[Sample]) -> None:
    """Samples show what other people wrote, a few words each."""
    if samples:
        exchanges = sorted({str(sample.exchange.pk) for sample in samples})
        record_event(actor=user, action="moderation.samples_shown", obj=obj, detail={"exchanges": exchanges})


def continue_replay(*, replay_id: UUID) -> bool:
    """One slice; whether more is left. Does nothing for a replay that is over or held by another slice."""
    run = _claim(replay_id)
    if run is None:
        return False
    try:
        return _look(run)
    except CheckDownError as error:
        log.warning("replay_check_down", replay=str(replay_id), check=str(error), reason=str(error.__cause__))
        code, figures = "check_down", {**run.replay.figures, "down": str(error)}
    except Exception:
        log.exception("replay_failed", replay=str(replay_id))
        code, figures = "internal", run.replay.figures
    if run.replay.attempts >= MAX_ATTEMPTS:
        run.end(ReplayState.FAILED, error_code=code, figures=figures)
    else:
        run.rows().update(state=ReplayState.WAITING, lease=None, lease_until=Now() + RETRY_AFTER)
    return False


def sweep_replays() -> list[Replay]:
    """Those that wait or whose worker died, oldest first; those that killed theirs too often fail. Old ones go."""
    Replay.objects.filter(created_at__lt=timezone.now() - KEPT).exclude(state__in=_LIVE).delete()
    free = Replay.objects.filter(state__in=_LIVE).filter(UNLEASED)
    free.filter(attempts__gte=MAX_ATTEMPTS).update(
        state=ReplayState.FAILED, error_code="internal", lease=None, lease_until=None, finished_at=Now()
    )
    return list(free.select_related("policy").order_by("created_at")[:MAX_LIVE])


@dataclass(frozen=True, slots=True)
class _Run:
    replay: Replay
    lease: UUID

    def rows(self) -> QuerySet[Replay]:
        return Replay.objects.filter(pk=self.replay.pk, lease=self.lease, state=ReplayState.RUNNING)

    def renew(self) -> bool:
        """False once it was cancelled or taken over."""
        return bool(self.rows().update(lease_until=Now() + LEASE))

    def end(self, state: ReplayState, **columns: object) -> None:
        self.rows().update(state=state, lease=None, lease_until=None, finished_at=Now(), **columns)


def _claim(replay_id: UUID) -> _Run | None:
    lease = uuid4()
    free = Replay.objects.filter(pk=replay_id, state__in=_LIVE, attempts__lt=MAX_ATTEMPTS)
    claimed = free.filter(UNLEASED).update(
        state=ReplayState.RUNNING, lease=lease, lease_until=Now() + LEASE, attempts=F("attempts") + 1
    )
    if not claimed:
        return None
    replay = Replay.objects.select_related("policy", "created_by").filter(pk=replay_id, lease=lease).first()
    return _Run(replay, lease) if replay else None


def _look(run: _Run) -> bool:
    replay, until = run.replay, time.monotonic() + SLICE_SECONDS
    starter = replay.created_by
    if starter is None or not starter.is_active or not can(starter, "moderation.manage_policy", replay.policy):
        run.end(ReplayState.FAILED, error_code="replay_right")
        return False
    version = Version(replay.policy.name, build_checks(replay.policy.checks), replay.with_remote, list_external_names())
    while exchanges := list_exchanges_after(replay, limit=BATCH):
        looks = look_at(exchanges, version, between=run.renew)
        if looks is None or not _store(run, exchanges, looks, version):
            return False
        if time.monotonic() > until:
            return bool(run.rows().update(lease=None, lease_until=None, attempts=0))
    run.end(ReplayState.DONE)
    log.info("replay_done", replay=str(replay.pk), looked=replay.looked)
    return False


@transaction.atomic
def _store(run: _Run, exchanges: list[Exchange], looks: Looks, version: Version) -> bool:
    """Sums, place and findings in one transaction, so that a slice that dies leaves nothing twice and nothing out."""
    replay, last = run.replay, exchanges[-1]
    # Locked: what is deleted meanwhile, by retention or an erasure, gets no row.
    locked = Exchange.objects.select_for_update(no_key=True).filter(pk__in=looks.keys()).order_by("pk")
    kept = frozenset(locked.values_list("pk", flat=True))
    stored: dict[UUID, list[Verdict]] = defaultdict(list)
    for verdict in Verdict.objects.filter(exchange__in=kept).select_related("policy"):
        stored[verdict.exchange_id].append(verdict)
    originals = frozenset(exchange.pk for exchange in exchanges if exchange.original)
    sums = Sums.of(replay.figures)
    add_up(sums, looks, version, verdicts=stored, originals=originals)
    replay.figures, replay.looked = sums.as_dict(), replay.looked + len(exchanges)
    replay.position = [last.created_at.isoformat(), str(last.pk)]
    held = run.rows().update(
        figures=replay.figures, looked=replay.looked, position=replay.position, lease_until=Now() + LEASE
    )
    if held:
        ReplayVerdict.objects.bulk_create(verdict_rows(replay, looks, version, kept=kept))
    return bool(held)


def _require_room() -> None:
    lock_policies()
    if Replay.objects.filter(state__in=_LIVE).count() >= MAX_LIVE:
        raise ChatappError("replays_running", limit=MAX_LIVE)


def _send(replay: Replay) -> None:
    from chatapp.moderation.tasks import task_for

    send = partial(task_for(replay).delay, str(replay.pk))
    transaction.on_commit(partial(announce, "replay", send), robust=True)
