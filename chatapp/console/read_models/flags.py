"""A flag as a reviewer works on it: words that a check objects to are marked, personal data is masked."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can
from chatapp.console.review import Button, buttons_for
from chatapp.conversations.explaining.selectors import may_explain
from chatapp.moderation import selectors
from chatapp.moderation.effects import NOTIFY, possible_effects
from chatapp.moderation.marking import Segment, mark_excerpt, mark_field, segments_of
from chatapp.moderation.models import Flag, FlagDecision, FlagStatus, Verdict
from chatapp.moderation.personal import find_by_form
from chatapp.moderation.reasons import sentence_of
from chatapp.moderation.selectors import DECIDED
from chatapp.retrieval.selectors import list_documents_for


@dataclass(frozen=True, slots=True)
class FlagRow:
    """`state` is open, second, escalated, mine, taken, upheld or dismissed; a claim that ran out is free again."""

    flag: Flag
    state: str
    may_claim: bool
    excerpt: list[Segment]
    is_overdue: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One decision as the page tells it."""

    made: FlagDecision
    words: str


@dataclass(frozen=True, slots=True)
class SourceLine:
    n: int
    document: str
    page: int | None
    document_id: str | None


@dataclass(frozen=True, slots=True)
class FlagDetail:
    """`original` is empty unless the answer was taken away. `alike` are others that one decision can serve."""

    row: FlagRow
    question: list[Segment]
    answer: list[Segment]
    original: list[Segment]
    report: list[Segment]
    sources: list[SourceLine]
    verdicts: list[Verdict]
    steps: list[Step]
    buttons: list[Button]
    may_notify: bool
    alike: int
    may_undo: bool
    may_unmask: bool
    may_explain: bool
    unmasked: bool
    hides_something: bool = field(init=False)

    def __post_init__(self) -> None:
        texts = (self.row.excerpt, self.question, self.answer, self.original, self.report)
        object.__setattr__(self, "hides_something", any(one.hidden for text in texts for one in text))


def flag_rows(flags: Iterable[Flag], *, user: User) -> list[FlagRow]:
    flags = list(flags)
    claimable = selectors.claimable_ids(user, [flag.id for flag in flags])
    return [_row(flag, user, may_claim=flag.id in claimable) for flag in flags]


def flag_row(flag: Flag, *, user: User) -> FlagRow:
    return flag_rows([flag], user=user)[0]


def flag_detail(flag: Flag, *, user: User, unmasked: bool = False) -> FlagDetail:
    may_claim = bool(selectors.claimable_ids(user, [flag.id]))
    report_hits = [] if unmasked else find_by_form(flag.report_text)
    return FlagDetail(
        row=_row(flag, user, may_claim=may_claim, unmasked=unmasked),
        question=mark_field(flag, "question", unmasked=unmasked),
        answer=mark_field(flag, "answer", unmasked=unmasked),
        original=mark_field(flag, "original", unmasked=unmasked),
        report=segments_of(flag.report_text, marks=[], hits=report_hits),
        sources=_sources(flag.exchange.sources, user),
        verdicts=selectors.list_verdicts(flag),
        steps=[_step(made) for made in selectors.list_decisions(flag)],
        buttons=buttons_for(flag),
        may_notify=NOTIFY in possible_effects(flag, "uphold"),
        alike=selectors.count_alike(user, flag),
        may_undo=selectors.may_undo(user, selectors.last_decision(flag)),
        may_unmask=can(user, "moderation.unmask"),
        may_explain=may_explain(user, flag.exchange_id),
        unmasked=unmasked,
    )


def _row(flag: Flag, user: User, *, may_claim: bool, unmasked: bool = False) -> FlagRow:
    is_late = flag.due_at is not None and flag.due_at < timezone.now() and flag.status not in DECIDED
    excerpt = mark_excerpt(flag, unmasked=unmasked)
    return FlagRow(flag, _state(flag, user), may_claim=may_claim, excerpt=excerpt, is_overdue=is_late)


def _state(flag: Flag, user: User) -> str:
    if flag.status != FlagStatus.CLAIMED:
        return flag.status
    if flag.claimed_by_id == user.id:
        return "mine"
    held = flag.claimed_until is not None and flag.claimed_until > timezone.now()
    return "taken" if held else flag.queue


def _step(made: FlagDecision) -> Step:
    return Step(made, sentence_of(made.decision, made.reason_code, made.reason))


def _sources(sources: list[dict[str, Any]], user: User) -> list[SourceLine]:
    """With a way to the document only where this reviewer may read it."""
    ids = [source["document_id"] for source in sources if source.get("document_id")]
    readable = {str(pk) for pk in list_documents_for(user).filter(pk__in=ids).values_list("pk", flat=True)}
    return [
        SourceLine(
            n=source["n"],
            document=source["document"],
            page=source.get("page"),
            document_id=source["document_id"] if source.get("document_id") in readable else None,
        )
        for source in sources
    ]
