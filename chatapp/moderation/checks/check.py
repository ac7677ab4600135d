"""A check of a policy, compiled."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from chatapp.moderation.checks.examiner import Examiner
from chatapp.moderation.checks.lane import Lane
from chatapp.moderation.checks.matcher import MAX_SPAN, Matcher, compile_pattern
from chatapp.moderation.models import Action, Severity, Stage

HOLDING = (Action.MASK, Action.BLOCK)
DEFAULT_BUDGET_SECONDS = 2.0


class FailRule(StrEnum):
    """What a check that could not look means: `open`, the text goes on; `closed`, its action is taken on the whole."""

    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Scope:
    """To whose exchanges a check applies; an empty set is everybody's. `external_only`: a model outside answers."""

    groups: AbstractSet[str] = frozenset()
    routes: AbstractSet[str] = frozenset()
    external_only: bool = False

    def covers(self, *, groups: AbstractSet[str], route: str) -> bool:
        return (not self.groups or not self.groups.isdisjoint(groups)) and (not self.routes or route in self.routes)


@dataclass(frozen=True, slots=True)
class Parts:
    """What a kind of check is made of: matchers see text as it streams, an examiner sees windows of it."""

    matchers: tuple[Matcher, ...] = ()
    examiner: Examiner | None = None
    threshold: float = 0.0  # Of the examiner, where the policy gives none.
    max_span: int = MAX_SPAN  # The longest match; so much text may have to wait.


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Check:
    """`anything` finds whether any matcher can match; `open_end` finds from where on the text could become a match.

    `hold` is about examiners: a window waits until it was looked at, or goes out and is taken back afterwards.
    `placeholder`: in the input, what is masked is replaced by a name that is turned back in the answer.
    """

    name: str
    kind: str
    stage: Stage
    action: Action
    severity: Severity
    matchers: tuple[Matcher, ...] = ()
    examiner: Examiner | None = None
    threshold: float = 0.0
    hold: bool = True
    fails: FailRule = FailRule.OPEN
    budget_seconds: float = DEFAULT_BUDGET_SECONDS
    scope: Scope = Scope()
    placeholder: bool = False
    policy_id: str = ""
    is_shadow: bool = False
    max_span: int = MAX_SPAN
    lane: Lane = field(default_factory=Lane)
    anything: Any = field(init=False)
    open_end: Any = field(init=False)

    def __post_init__(self) -> None:
        sources = "|".join(f"(?:{matcher.source})" for matcher in self.matchers)
        beginnings = "|".join(matcher.beginnings for matcher in self.matchers)
        object.__setattr__(self, "anything", compile_pattern(sources))
        object.__setattr__(self, "open_end", compile_pattern(rf"(?:{beginnings})\z"))

    @property
    def holds(self) -> bool:
        """Text is held back for checks that may take it away; one that only flags never delays an answer."""
        return self.action in HOLDING and not self.is_shadow

    @property
    def holds_windows(self) -> bool:
        return self.holds and self.hold
