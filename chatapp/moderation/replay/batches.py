"""A few exchanges at a time: what the version finds in them, and what that changes."""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from uuid import UUID

from chatapp.inference.selectors import may_leave_company
from chatapp.moderation.checks.check import Check
from chatapp.moderation.models import Exchange, Replay, ReplayVerdict, Stage, Verdict
from chatapp.moderation.replay.comparing import Sums, compare
from chatapp.moderation.replay.looking import STAGES, Asked, Look, look_at_all, runs

# What scores less counts as 0 in curves; keeping it would be a row for each check and exchange.
LEAST_SCORE_KEPT = 0.01
Looks = dict[UUID, dict[int, Look]]


@dataclass(frozen=True, slots=True)
class Version:
    """The replayed one. `external` names the model versions that answer outside the company."""

    name: str
    checks: Sequence[Check]
    with_remote: bool
    external: AbstractSet[str] = field(default_factory=frozenset)


def look_at(exchanges: Sequence[Exchange], version: Version, *, between: Callable[[], bool]) -> Looks | None:
    """`exchanges` with their users' groups. None as soon as `between`, asked before each check, says no.

    Raises CheckDownError.
    """
    leaving = {route: may_leave_company(route) for route in {exchange.route for exchange in exchanges}}
    asked = [
        Asked(
            exchange,
            frozenset(group.name for group in exchange.user.groups.all()) if exchange.user else frozenset(),
            is_external=exchange.model_version in version.external,
            may_leave=leaving[exchange.route],
        )
        for exchange in exchanges
    ]
    looks: Looks = {exchange.pk: {} for exchange in exchanges}
    for number, check in enumerate(version.checks):
        if not runs(check, with_remote=version.with_remote):
            continue
        if not between():
            return None
        for one, found in look_at_all(check, asked):
            looks[one.exchange.pk][number] = found
    return looks


def add_up(
    sums: Sums,
    looks: Looks,
    version: Version,
    *,
    verdicts: Mapping[UUID, Sequence[Verdict]],
    originals: AbstractSet[UUID],
) -> None:
    """`verdicts` are the stored ones by exchange, with their policies; `originals` the exchanges that have one."""
    for key, seen in looks.items():
        for stage in STAGES:
            of_stage = {number: found for number, found in seen.items() if version.checks[number].stage == stage}
            for number, found in of_stage.items():
                if found.score is not None:
                    sums.add_score(number, found.score)
            found_by = [number for number, found in of_stage.items() if found.is_finding]
            stored = [verdict for verdict in verdicts.get(key, ()) if verdict.stage == stage]
            compared = compare(
                stored,
                name=version.name,
                found=[version.checks[number].action for number in found_by],
                is_original=stage == Stage.OUTPUT and key in originals,
            )
            done_by = [verdict.check_name for verdict in stored if not verdict.is_shadow]
            sums.add_text(str(key), stage, compared, found_by=found_by, done_by=done_by)


def verdict_rows(replay: Replay, looks: Looks, version: Version, *, kept: AbstractSet[UUID]) -> list[ReplayVerdict]:
    """Of the exchanges in `kept` only; the others were deleted meanwhile."""
    return [
        ReplayVerdict(
            replay=replay,
            exchange_id=key,
            check_number=number,
            check_name=version.checks[number].name,
            stage=version.checks[number].stage,
            action=version.checks[number].action,
            score=None if found.score is None else round(found.score, 4),
            spans=[list(span) for span in found.spans],
            is_finding=found.is_finding,
        )
        for key, seen in looks.items()
        if key in kept
        for number, found in seen.items()
        if found.is_finding or (found.score or 0.0) >= LEAST_SCORE_KEPT
    ]
