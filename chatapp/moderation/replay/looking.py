"""What the checks of a version find in stored exchanges. Nobody waits, so no time budget and no fail rule applies."""

from collections.abc import Collection, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from chatapp.moderation.checks.check import Check
from chatapp.moderation.checks.classifier import give_way
from chatapp.moderation.checks.examiner import Examiner, ExaminerError, Hit
from chatapp.moderation.checks.findings import MAX_SPANS
from chatapp.moderation.checks.remote import MayNotLeaveError, RemoteExaminer, let_out
from chatapp.moderation.checks.scanner import scan
from chatapp.moderation.models import Exchange, Stage
from chatapp.moderation.windows import cut_windows

# Passages are not kept with exchanges, so the stage between these two cannot be looked at again.
STAGES = (Stage.INPUT, Stage.OUTPUT)
WINDOWS_AT_ONCE = 32
# Nobody waits for a service or a model, but one that never answers is down.
REMOTE_WINDOWS_AT_ONCE, REMOTE_SECONDS = 8, 60.0


class CheckDownError(Exception):
    """A check could not look; its name is the argument. Figures without it would be wrong, so the replay stops."""


@dataclass(frozen=True, slots=True)
class Look:
    """`score` is the highest that an examiner gave, None without one; `spans` are those of findings."""

    spans: tuple[tuple[int, int], ...]
    score: float | None
    is_finding: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """An exchange as checks see it, and what their scopes ask for. `may_leave`: its texts, the company."""

    exchange: Exchange
    groups: AbstractSet[str]
    is_external: bool
    may_leave: bool

    def text(self, stage: str) -> str:
        """The original of an answer that was taken away: that is what checks judged."""
        exchange = self.exchange
        return exchange.question if stage == Stage.INPUT else exchange.original or exchange.answer

    def concerns(self, check: Check) -> bool:
        covered = check.scope.covers(groups=self.groups, route=self.exchange.route)
        return covered and (self.is_external or not check.scope.external_only)


def runs(check: Check, *, with_remote: bool) -> bool:
    return check.stage in STAGES and (with_remote or not (check.examiner and check.examiner.is_remote))


def needs_models(checks: Collection[Check], *, with_remote: bool) -> bool:
    """Whether a worker that has models must do it: a judge asks one."""
    return with_remote and any(check.kind == "judge" and check.stage in STAGES for check in checks)


def look(check: Check, texts: Sequence[str]) -> list[Look]:
    """One look for each text; none where they may not leave the company for it. Raises CheckDownError."""
    matched = [sorted((span.start, span.end) for span in scan(check, text)) for text in texts]
    if check.examiner is None:
        return [Look(tuple(spans[:MAX_SPANS]), None, bool(spans)) for spans in matched]
    try:
        examined = _examine(_patient(check.examiner), texts)
    except MayNotLeaveError:
        return []
    except ExaminerError as error:
        raise CheckDownError(check.name) from error
    return [_judge(check, spans, hits) for spans, hits in zip(matched, examined, strict=True)]


def look_at_all(check: Check, asked: Collection[Asked]) -> Iterator[tuple[Asked, Look]]:
    """Of the exchanges that are in the check's scope and have such a text. Raises CheckDownError."""
    concerned = [one for one in asked if one.concerns(check) and one.text(check.stage)]
    for group, as_asked in (
        ([one for one in concerned if not one.may_leave], check),
        ([one for one in concerned if one.may_leave], let_out(check)),
    ):
        yield from zip(group, look(as_asked, [one.text(check.stage) for one in group]), strict=False)


def _examine(examiner: Examiner, texts: Sequence[str]) -> list[list[Hit]]:
    """In the windows in which answers are looked at, with offsets of the whole texts."""
    windows = [(number, window) for number, text in enumerate(texts) for window in cut_windows(text, examiner.longest)]
    hits: list[list[Hit]] = [[] for _ in texts]
    at_once = REMOTE_WINDOWS_AT_ONCE if examiner.is_remote else WINDOWS_AT_ONCE
    for at in range(0, len(windows), at_once):
        batch = windows[at : at + at_once]
        for (number, window), found in zip(batch, examiner.examine([w.text for _, w in batch]), strict=True):
            hits[number] += [hit.moved(window.start) for hit in found]
    return hits


def _patient(examiner: Examiner) -> Examiner:
    """Nobody waits: a service has more time, and a classifier lets those go before for whom somebody does."""
    if isinstance(examiner, RemoteExaminer):
        return replace(examiner, seconds=REMOTE_SECONDS)
    return give_way(examiner)


def _judge(check: Check, matched: list[tuple[int, int]], hits: list[Hit]) -> Look:
    found = [(hit.start, hit.end) for hit in hits if hit.score >= check.threshold]
    spans = sorted({*matched, *found})
    score = 1.0 if matched else max((hit.score for hit in hits), default=0.0)
    return Look(tuple(spans[:MAX_SPANS]), score, bool(spans))
