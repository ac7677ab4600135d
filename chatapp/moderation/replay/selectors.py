"""Replays, the exchanges that they look at, and what reviewers said of those."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can
from chatapp.errors import ChatappError
from chatapp.moderation.models import Exchange, Flag, FlagSource, FlagStatus, Replay, ReplayVerdict, Verdict
from chatapp.moderation.replay.curve import Label
from chatapp.moderation.selectors import DECIDED

MAX_LABELS = 20_000


def list_replays_for(user: User, policy_id: UUID | None = None) -> QuerySet[Replay]:
    if not can(user, "moderation.view_policy"):
        return Replay.objects.none()
    replays = Replay.objects.select_related("policy", "created_by")
    return replays if policy_id is None else replays.filter(policy_id=policy_id)


def get_replay_for(user: User, replay_id: UUID, *, policy_id: UUID | None = None) -> Replay:
    """Raises ChatappError("not_found")."""
    replay = list_replays_for(user, policy_id).filter(pk=replay_id).first()
    if replay is None:
        raise ChatappError("not_found")
    return replay


def count_exchanges(*, since: datetime, until: datetime, most: int) -> int:
    return Exchange.objects.filter(created_at__gte=since, created_at__lt=until)[:most].count()


def list_exchanges_after(replay: Replay, *, limit: int) -> list[Exchange]:
    """The next ones of the replay's period behind its place, with their users' groups."""
    exchanges = Exchange.objects.filter(created_at__gte=replay.since, created_at__lt=replay.until)
    if replay.position:
        at, key = datetime.fromisoformat(replay.position[0]), UUID(replay.position[1])
        exchanges = exchanges.filter(created_at__gte=at).filter(Q(created_at__gt=at) | Q(pk__gt=key))
    ordered = exchanges.order_by("created_at", "generation_id")
    return list(ordered.select_related("user").prefetch_related("user__groups")[:limit])


def list_labels(replay: Replay) -> list[Label]:
    """Final decisions on what the replay looked at; of an appeal the words are about the decision, not the text."""
    until = datetime.fromisoformat(replay.position[0]) if replay.position else replay.since
    flags = Flag.objects.filter(
        exchange__created_at__gte=replay.since,
        exchange__created_at__lte=until,
        status__in=DECIDED,
        source__in=[FlagSource.CHECK, FlagSource.REPORT, FlagSource.SAMPLE],
    )
    rows = flags.select_related("verdict", "exchange__user").prefetch_related("exchange__user__groups")
    rows = rows.only("status", "verdict__stage", "verdict__kind", "exchange__route", "exchange__user")
    return [
        Label(
            exchange_id=flag.exchange_id,
            stage=flag.stage,
            kind=flag.verdict.kind if flag.verdict else None,
            is_violation=flag.status == FlagStatus.UPHELD,
            route=flag.exchange.route,
            groups=frozenset(group.name for group in flag.exchange.user.groups.all())
            if flag.exchange.user
            else frozenset(),
        )
        for flag in rows.order_by("-decided_at")[:MAX_LABELS]
    ]


def list_scores(replay: Replay, exchange_ids: Iterable[UUID]) -> dict[int, dict[UUID, float]]:
    """Of the labelled exchanges, by check; 1 for a finding of a check that gives no score."""
    rows = ReplayVerdict.objects.filter(replay=replay, exchange__in=list(exchange_ids))
    scores: dict[int, dict[UUID, float]] = {}
    for number, key, score, is_finding in rows.values_list("check_number", "exchange", "score", "is_finding"):
        scores.setdefault(number, {})[key] = float(is_finding) if score is None else score
    return scores


@dataclass(frozen=True, slots=True)
class Sample:
    """A text with what objects to it, by check: the replay's findings, or the verdicts of then."""

    exchange: Exchange
    stage: str
    found: "list[FoundBy]"
    flag_id: UUID | None


def list_samples_for(user: User, replay: Replay, which: str) -> list[Sample]:
    """Of `newly` or `released`, 20 at most; empty for who does not review. To show them is an audit event."""
    rows = [(UUID(key), stage) for key, stage in replay.figures.get("samples", {}).get(which, [])]
    if not rows or not can(user, "moderation.review_flag"):
        return []
    keys = [key for key, _ in rows]
    return _samples(rows, _spans_found(replay, keys) if which == "newly" else _spans_of_then(keys, is_shadow=False))


def list_shadow_samples_for(user: User, rows: Sequence[tuple[UUID, str]], *, is_shadow: bool) -> list[Sample]:
    """Texts that a version in shadow, or the active ones, objected to; else as `list_samples_for`."""
    if not rows or not can(user, "moderation.review_flag"):
        return []
    return _samples(rows, _spans_of_then([key for key, _ in rows], is_shadow=is_shadow))


def _samples(rows: Sequence[tuple[UUID, str]], found: "Found") -> list[Sample]:
    keys = [key for key, _ in rows]
    exchanges = Exchange.objects.in_bulk(keys)
    flags = dict(Flag.objects.filter(exchange__in=keys).order_by("created_at").values_list("exchange", "pk"))
    return [
        Sample(
            exchange=exchanges[key],
            stage=stage,
            found=found.get((key, stage), []),
            flag_id=flags.get(key),
        )
        for key, stage in rows
        if key in exchanges
    ]


@dataclass(frozen=True, slots=True)
class FoundBy:
    name: str
    kind: str
    spans: list[list[int]]


Found = Mapping[tuple[UUID, str], list[FoundBy]]


def _spans_found(replay: Replay, keys: list[UUID]) -> Found:
    kinds = {number: check["kind"] for number, check in enumerate(replay.policy.checks)}
    rows = ReplayVerdict.objects.filter(replay=replay, exchange__in=keys, is_finding=True).order_by("check_number")
    return _by_text(
        (row.exchange_id, row.stage, FoundBy(row.check_name, kinds.get(row.check_number, ""), row.spans))
        for row in rows
    )


def _spans_of_then(keys: list[UUID], *, is_shadow: bool) -> Found:
    rows = Verdict.objects.filter(exchange__in=keys, is_shadow=is_shadow).order_by("check_name")
    return _by_text((row.exchange_id, row.stage, FoundBy(row.check_name, row.kind, row.spans)) for row in rows)


def _by_text(rows: Iterable[tuple[UUID, str, FoundBy]]) -> Found:
    found: dict[tuple[UUID, str], list[FoundBy]] = {}
    for key, stage, one in rows:
        found.setdefault((key, stage), []).append(one)
    return found
