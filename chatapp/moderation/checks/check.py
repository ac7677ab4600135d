"""A check of a policy, compiled."""

from dataclasses import dataclass, field
from typing import Any

from chatapp.moderation.checks.matcher import Matcher, compile_pattern
from chatapp.moderation.models import Action, Severity, Stage

HOLDING = (Action.MASK, Action.BLOCK)


@dataclass(frozen=True, slots=True, eq=False)
class Check:
    """`anything` finds whether any matcher can match; `open_end` finds from where on the text could become a match."""

    name: str
    stage: Stage
    action: Action
    severity: Severity
    matchers: tuple[Matcher, ...]
    policy_id: str = ""
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
        return self.action in HOLDING
