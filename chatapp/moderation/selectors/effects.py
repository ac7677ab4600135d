"""What decisions do to a message, for as long as they stand. For the product itself: no user's rights count here."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from chatapp.moderation.effects import MASK, RETRACT
from chatapp.moderation.models import Flag, FlagDecision, FlagSource, FlagStatus, Stage

HIDES, MASKS, SHOWS = "hides", "masks", "shows"


@dataclass(frozen=True, slots=True)
class StandingEffect:
    """`kind` is HIDES (the answer was taken back), SHOWS (an appeal was granted) or MASKS (`spans` of `text`)."""

    kind: str
    at: datetime
    spans: tuple[tuple[int, int], ...] = ()
    text: str = ""


def effects_on_answer(generation_id: UUID) -> list[StandingEffect]:
    """In the order of the decisions."""
    flags = _flags([generation_id])
    decisions = _standing_decisions([generation_id])
    hides = [StandingEffect(HIDES, one.created_at) for one in decisions if RETRACT in one.effects]
    granted = [f for f in flags if f.source == FlagSource.APPEAL and f.status == FlagStatus.DISMISSED]
    shows = [StandingEffect(SHOWS, flag.decided_at) for flag in granted if flag.decided_at]
    return sorted([*hides, *shows, *_masks(flags, decisions, Stage.OUTPUT)], key=lambda effect: effect.at)


def effects_on_question(generation_ids: Sequence[UUID]) -> list[StandingEffect]:
    """A question can only be masked. `generation_ids` are those of its answers: each has an exchange."""
    return _masks(_flags(generation_ids), _standing_decisions(generation_ids), Stage.INPUT)


def _masks(flags: Iterable[Flag], decisions: Iterable[FlagDecision], stage: str) -> list[StandingEffect]:
    """Once something is masked, so is what other flags on the same text were upheld for."""
    masked = {decision.flag_id: decision.created_at for decision in decisions if MASK in decision.effects}
    of_stage = [flag for flag in flags if flag.stage == stage and flag.spans]
    times = [masked[flag.id] for flag in of_stage if flag.id in masked]
    return [
        StandingEffect(MASKS, masked.get(flag.id, min(times)), _spans(flag), _checked_text(flag))
        for flag in of_stage
        if times and (flag.id in masked or flag.status == FlagStatus.UPHELD)
    ]


def _spans(flag: Flag) -> tuple[tuple[int, int], ...]:
    return tuple((start, end) for start, end in flag.spans)


def _checked_text(flag: Flag) -> str:
    exchange = flag.exchange
    return exchange.question if flag.stage == Stage.INPUT else exchange.original or exchange.answer


def _flags(generation_ids: Sequence[UUID]) -> list[Flag]:
    return list(Flag.objects.select_related("verdict", "exchange").filter(exchange__in=generation_ids))


def _standing_decisions(generation_ids: Sequence[UUID]) -> list[FlagDecision]:
    """Neither undone, nor overruled by a second reviewer who dismissed the flag."""
    overruled = Q(flag__status=FlagStatus.DISMISSED) & ~Q(decision="dismiss")
    standing = FlagDecision.objects.filter(flag__exchange__in=generation_ids, undoes=None, undone_by=None)
    return list(standing.exclude(overruled).order_by("created_at", "id"))
