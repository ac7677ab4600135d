"""What checks found, as the rest of the product carries it."""

from dataclasses import asdict, dataclass
from typing import Any

from chatapp.moderation.models import Action, Severity, Stage

EXCERPT_MARGIN = 60
MAX_SPANS = 100
STRICTNESS = (Action.ALLOW, Action.FLAG, Action.MASK, Action.BLOCK)


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's hits in one text, or why it could not look (`failure`).

    `spans` are [start, end) character offsets in the checked text, 100 at most.

    `excerpt` is text that a policy objects to: it is left out of `as_dict`, so that a finding can be stored and
    logged as it is. `record_exchange` keeps the excerpt encrypted.
    """

    policy_id: str
    check: str
    stage: Stage
    action: Action
    severity: Severity
    spans: tuple[tuple[int, int], ...]
    excerpt: str = ""
    kind: str = ""
    score: float | None = None
    failure: str = ""
    is_shadow: bool = False

    def as_dict(self) -> dict[str, Any]:
        fields = asdict(self)
        del fields["excerpt"]
        return {**fields, "spans": [list(span) for span in self.spans]}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Finding":
        return cls(
            policy_id=data["policy_id"],
            check=data["check"],
            stage=Stage(data["stage"]),
            action=Action(data["action"]),
            severity=Severity(data["severity"]),
            spans=tuple((start, end) for start, end in data["spans"]),
            kind=data.get("kind", ""),
            score=data.get("score"),
            failure=data.get("failure", ""),
            is_shadow=data.get("is_shadow", False),
        )


@dataclass(frozen=True, slots=True)
class Decision:
    """`text` is what may go on: masked where a policy says so, empty when it is blocked."""

    action: Action
    text: str
    findings: tuple[Finding, ...]


def strictest(actions: list[Action]) -> Action:
    return max(actions, key=STRICTNESS.index, default=Action.ALLOW)


def excerpt_of(text: str, spans: tuple[tuple[int, int], ...]) -> str:
    """The first span with a little of what stands round it."""
    if not spans:
        return ""
    start, end = spans[0]
    left, right = max(0, start - EXCERPT_MARGIN), end + EXCERPT_MARGIN
    return ("…" if left else "") + text[left:right] + ("…" if right < len(text) else "")
