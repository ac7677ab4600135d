"""How a message stands under the decisions of reviewers: a function of how it stood before, and of what holds now."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from chatapp.conversations.models import Status
from chatapp.moderation.selectors import HIDES, MASKS, SHOWS, StandingEffect
from chatapp.moderation.texts import MASK_TEXT, RETRACTED_TEXT

HIDDEN = (Status.BLOCKED, Status.RETRACTED)


@dataclass(frozen=True, slots=True)
class Standing:
    """What a reader of the message sees; `cited` are numbers of sources, `weak_citations` offsets in the text."""

    text: str
    status: str
    finish_reason: str
    weak_citations: tuple[int, ...] = ()
    cited: frozenset[int] = frozenset()

    @property
    def is_hidden(self) -> bool:
        return self.status in HIDDEN


def stand(before: Standing, effects: Sequence[StandingEffect], *, written: str) -> Standing:
    """`effects` in the order of their decisions: of taking an answer away and giving it back, the last one counts.

    `written` is what the model wrote. Where that is nothing, as below a question that was blocked, nothing comes back.
    Masks hold whatever else does.
    """
    now = before
    for effect in effects:
        if effect.kind == HIDES:
            now = Standing(RETRACTED_TEXT, Status.RETRACTED, "content_filter")
        elif effect.kind == SHOWS and written:
            # What a rule stopped ends where it did.
            now = Standing(written, Status.COMPLETE, "content_filter") if before.is_hidden else before
    spans = [span for effect in effects if effect.kind == MASKS for span in effect.spans]
    return now if now.is_hidden else mask(now, spans)


def mask(standing: Standing, spans: Sequence[tuple[int, int]]) -> Standing:
    """With MASK_TEXT in place of each span; spans that overlap or touch become one."""
    text = standing.text
    merged = _merge([(max(0, start), min(end, len(text))) for start, end in spans])
    kept = [(0, 0), *merged, (len(text), len(text))]
    masked = MASK_TEXT.join(text[end:start] for (_, end), (start, _) in pairwise(kept))
    weak = [_moved(at, merged) for at in standing.weak_citations if not any(s <= at < e for s, e in merged)]
    return replace(standing, text=masked, weak_citations=tuple(weak))


def _merge(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _moved(at: int, spans: Sequence[tuple[int, int]]) -> int:
    return at + sum(len(MASK_TEXT) - (end - start) for start, end in spans if end <= at)
